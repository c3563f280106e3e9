"""Weights, memory and time of a training step with and without an adapter: `python -m benchmarks.adapters ENCODER_FOLDER`.

Each kind runs in a process of its own, in turns; a step is forward, backward, clipping and AdamW on random tokens.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import torch

from benchmarks.machine import machine
from xstilts.config import ModelConfig
from xstilts.hyperparameters import ADAPTERS, Hyperparameters
from xstilts.models import trimming
from xstilts.models.adapters import put_on
from xstilts.models.encoder import build_encoder
from xstilts.models.heads import build_head
from xstilts.recipes import with_adapter
from xstilts.tasks.declaration import Task
from xstilts.training.optimizer import clip_gradients, optimizer

VALUES = Hyperparameters(learning_rate=1e-4, weight_decay=0.01)
WORDS = 5_000
"""Number of different tokens: training leaves the others out of the word embeddings, as `model.trim_vocabulary` does."""


def measure(folder: str, kind: str, rows: int, length: int, steps: int) -> dict[str, float]:
    """Trained weights of the encoder and their share; MB of gradients and states, and of the process at its peak; CPU seconds."""
    model = ModelConfig(name_or_path=folder, adapter=kind)
    encoder, task = build_encoder(model, None), Task(name="nli", format="classification", labels=["no", "yes", "maybe"])
    weights = sum(parameter.numel() for parameter in encoder.backbone.parameters())
    head = build_head(task, encoder, VALUES)
    if kind == "none":
        trimming.trim(encoder, torch.arange(WORDS))
    else:
        encoder.adapters = put_on(encoder.backbone, with_adapter(VALUES, model), seed=1)
    module = torch.nn.ModuleList([encoder, head]).train()
    adam = optimizer(module, VALUES)
    trained = sum(parameter.numel() for parameter in encoder.backbone.parameters() if parameter.requires_grad)
    batch = {"input_ids": torch.randint(5, WORDS, (rows, length)), "attention_mask": torch.ones(rows, length, dtype=torch.long)}
    batch["labels"] = torch.randint(0, 3, (rows,))
    seconds = []
    for _ in range(steps):
        began = time.process_time()
        head.loss_sum(encoder, batch).backward()
        clip_gradients(adam, 1.0)
        adam.step()
        adam.zero_grad()
        seconds.append(time.process_time() - began)
    return {
        "trained": trained,
        "share": trained / weights,
        "states_mb": 3 * sum(one.nbytes for group in adam.param_groups for one in group["params"]) / 1e6,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        "seconds": min(seconds[1:]),
    }


def main() -> None:
    """Measure all kinds in turns and print a table: the smallest time and memory of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="an encoder of Hugging Face")
    for name, default in (("rows", 16), ("length", 64), ("steps", 4), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--one", help="measure this kind here, for the process of its own")
    asked = parser.parse_args()
    if asked.one:
        sys.stdout.write(json.dumps(measure(asked.folder, asked.one, asked.rows, asked.length, asked.steps)))
        return
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in ADAPTERS}
    for kind in [*ADAPTERS] * asked.rounds:
        command = [sys.executable, "-m", "benchmarks.adapters", *sys.argv[1:], "--one", kind]
        found[kind].append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    sys.stdout.write(f"{machine()}; {asked.rows} x {asked.length} tokens\n\n")
    sys.stdout.write("| adapter | trained weights | share | gradients and states | peak of the process | CPU seconds a step |\n")
    sys.stdout.write("|---|---|---|---|---|---|\n")
    for kind, rounds in found.items():
        best = {name: min(one[name] for one in rounds) for name in rounds[0]}
        sys.stdout.write(
            f"| {kind} | {best['trained']:,.0f} | {best['share']:.2%} | {best['states_mb']:,.1f} MB | {best['peak_mb']:,.0f} MB "
            f"| {best['seconds']:.2f} |\n"
        )


if __name__ == "__main__":
    main()
