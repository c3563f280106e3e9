"""`python -m benchmarks.gpu_profile FILE`: where the time of a training step goes on a GPU; JSON, and the same on stdout.

XLM-R Large in bf16, compiled and not, steps of 32 XNLI pairs and of 128 rows of 128 tokens, by torch's profiler. `busy` is the
share of the time between the first kernel and the last in which some kernel runs: the rest is the host's.
"""

import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile, schedule

from benchmarks import gpu, ours
from benchmarks.corpus import LEFT_OUT, corpus, there, typical
from benchmarks.training import epoch
from benchmarks.workers import Turns

KINDS = {
    "matrix products": ("gemm", "cutlass_80", "cutlass3x", "xmma", "nvjet", "splitk"),
    "attention": ("fmha", "flash", "attention", "attn"),
    "optimizer and norm of the gradient": ("multi_tensor", "adam"),
    "fused by the compiler": ("triton",),
    "look-ups and gathers": ("index", "gather", "embedding", "scatter"),
    "normalisation": ("layer_norm", "layernorm"),
    "copies": ("memcpy", "memset", "copy"),
    "other elementwise": ("elementwise", "vectorized", "reduce"),
}
BEFORE, STEPS = 8, 4


class Profiled(Turns):
    """A loop that waits for nobody and profiles its last steps."""

    def __init__(self) -> None:
        super().__init__(Pipe()[0])
        self.seconds: list[float] = []
        on = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if torch.cuda.is_available() else [])]
        self.profile = profile(activities=on, schedule=schedule(wait=BEFORE - 1, warmup=1, active=STEPS))
        self.profile.start()

    def wait(self) -> None:
        self.start = time.perf_counter()

    def done(self) -> None:
        self.taken += 1
        if self.taken in (BEFORE, BEFORE + STEPS) and torch.cuda.is_available():
            torch.cuda.synchronize()
        self.seconds.append(time.perf_counter() - self.start)
        if self.taken < BEFORE + STEPS:
            self.profile.step()
        else:
            self.profile.stop()


def kernels(profiled: Any) -> Iterator[tuple[str, float, float]]:
    """Name, start and seconds of everything that ran on the GPU."""
    with tempfile.TemporaryDirectory() as folder:
        profiled.export_chrome_trace(f"{folder}/trace.json")
        events = json.loads(Path(folder, "trace.json").read_text())["traceEvents"]
    for event in events:
        if event.get("cat") in ("kernel", "gpu_memcpy", "gpu_memset"):
            yield event["name"], event["ts"] / 1e6, event["dur"] / 1e6


def kind(name: str) -> str:
    """The first kind whose words are in the kernel's name."""
    return next((kind for kind, words in KINDS.items() if any(word in name.lower() for word in words)), "other")


def main() -> None:
    """Profile each way and part, and write after each."""
    if not there():
        sys.exit(LEFT_OUT)
    file, told = Path(sys.argv[1]), []
    pairs = corpus("xnli", "train", ["en"], training=True)
    both, full = gpu.with_full_rows(pairs, 128, 128)
    natural = typical(epoch(pairs, 32), pairs.lengths, BEFORE + STEPS)
    for way in ("ours", "not compiled"):
        for part, data, steps in (("32 XNLI pairs", pairs, natural), ("128 rows of 128 tokens", both, full * (BEFORE + STEPS))):
            turns = Profiled()
            ours.train(turns, data, gpu.large(), [("ours", step) for step in steps], gpu.WAYS[way].settings)
            ran = sorted(kernels(turns.profile), key=lambda kernel: kernel[1])
            shares: dict[str, float] = defaultdict(float)
            names: dict[str, float] = defaultdict(float)
            busy = end = 0.0
            for name, start, seconds in ran:
                shares[kind(name)] += 1000 * seconds / STEPS
                names[name] += 1000 * seconds / STEPS
                busy += max(0.0, start + seconds - max(start, end))
                end = max(end, start + seconds)
            span = end - ran[0][1] if ran else 0.0
            most = sorted(names.items(), key=lambda item: -item[1])[:12]
            told.append(
                {
                    "way": way,
                    "part": part,
                    "ms_a_step": 1000 * float(np.median(turns.seconds[:BEFORE])),
                    "kernels_a_step": len(ran) / STEPS,
                    "span_ms_a_step": 1000 * span / STEPS,
                    "busy": busy / span if span else None,
                    "kinds_ms_a_step": dict(sorted(shares.items(), key=lambda item: -item[1])),
                    "most_ms_a_step": {name[:120]: milliseconds for name, milliseconds in most},
                }
            )
            file.write_text(json.dumps(told, indent=1) + "\n")
            sys.stdout.write(json.dumps(told[-1], indent=1) + "\n")
            sys.stdout.flush()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
