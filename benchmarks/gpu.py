"""On a GPU: XLM-R Large in bfloat16 against Hugging Face's Trainer in bfloat16, how much of the card is used, and memory.

Without a GPU the group says so. (`XSTILTS_BENCHMARK_ENCODER=tiny` runs it on the CPU, to see that it runs.)
"""

import statistics
from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import torch
from transformers import XLMRobertaConfig

from benchmarks import ours, peers
from benchmarks.corpus import LEFT_OUT, Corpus, corpus, there, typical
from benchmarks.rounds import Line, compared, interleaved
from benchmarks.training import epoch
from benchmarks.workers import Worker
from xstilts.config import TrainerConfig

GROUP = "gpu"
SIZE = 32
PEAKS = {"H200": 989e12, "H100 PCIe": 756e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "RTX 4090": 165e12}
"""Dense bfloat16 FLOP/s by the makers' data sheets; the first name that the card's own contains counts."""
WAYS = {
    "ours": TrainerConfig(precision="bf16-mixed", max_tokens=8192),
    "compiled": TrainerConfig(precision="bf16-mixed", max_tokens=8192, compile=True),
}


def lines(full: bool) -> Iterator[Line]:
    """Steps of 32 XNLI pairs, steps of 32 rows of 128 tokens, and the memory of both."""
    if not torch.cuda.is_available() and not ours.ENCODER:
        yield Line(GROUP, "left out", "", 0.0, note="no GPU on this machine")
        return
    if not there():
        yield Line(GROUP, "left out", "", 0.0, note=LEFT_OUT)
        return
    pairs = corpus("xnli", "train", ["en"], training=True)
    rounds = 20 if full else 5
    yield from _against_trainer(pairs, typical(epoch(pairs, SIZE), pairs.lengths, rounds), rounds)
    yield from _utilisation(pairs, rounds)


def large() -> XLMRobertaConfig:
    """XLM-R Large; or what the environment asks for."""
    if ours.ENCODER:
        return ours.encoder_config(False)
    shape = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
    return XLMRobertaConfig(vocab_size=250_002, max_position_embeddings=514, type_vocab_size=1, **shape)


def _against_trainer(pairs: Corpus, steps: list[np.ndarray], rounds: int) -> Iterator[Line]:
    warm_up = 3
    rows = [steps[0]] * warm_up + steps
    theirs = [peers.padded(pairs.dictionaries(step), 128) for step in rows]
    with ExitStack() as processes:
        workers = {
            way: Worker(ours.train, pairs, large(), [("ours", step) for step in rows], settings) for way, settings in WAYS.items()
        }
        workers["whole"] = Worker(ours.train, pairs, large(), [("ours", step) for step in rows], WAYS["ours"], False)
        workers["Trainer"] = Worker(peers.train, pairs, large(), theirs, SIZE, True)
        for worker in workers.values():
            processes.callback(worker.close)
        found = interleaved({name: worker.turn for name, worker in workers.items()}, rounds, warm_up)
        memory = {name: worker.gigabytes() for name, worker in workers.items()}
    name, peer = f"XNLI, step of {SIZE} pairs, XLM-R Large, bf16", "Trainer, bf16, padded to 128"
    yield compared(GROUP, name, "s", found["ours"], peer, found["Trainer"], ">= 2x")
    yield compared(GROUP, f"{name}, compiled", "s", found["compiled"], peer, found["Trainer"])
    yield compared(GROUP, f"{name}: trimming", "s", found["ours"], "trim_vocabulary=false", found["whole"])
    for other, told in (("whole", "trim_vocabulary=false"), ("Trainer", peer)):
        if memory[other]:
            yield compared(GROUP, f"{name}: peak memory", "GB", [memory["ours"]], told, [memory[other]])


def _utilisation(pairs: Corpus, rounds: int) -> Iterator[Line]:
    """Rows that fill all 128 tokens: nothing is gained by leaving padding out."""
    longest = np.argsort(-pairs.lengths, kind="stable")[:SIZE]
    config, warm_up = large(), 3
    tokens = int(pairs.lengths[longest].sum())
    card = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no card"
    peak = next((flops for name, flops in PEAKS.items() if name in card), None)
    for way, settings in WAYS.items():
        worker = Worker(ours.train, pairs, config, [("ours", longest)] * (rounds + warm_up), settings)
        seconds = statistics.median([worker.turn() for _ in range(rounds + warm_up)][warm_up:])
        worker.close()
        # Forwards 2 and backwards 4 FLOP a weight and token (Kaplan et al. 2020), and attention's two products.
        weights = config.num_hidden_layers * (4 * config.hidden_size**2 + 2 * config.hidden_size * config.intermediate_size)
        mean = tokens / SIZE
        flops = tokens * (6 * weights + 12 * config.num_hidden_layers * config.hidden_size * mean) / seconds
        name = f"model FLOPs of the {SIZE} longest pairs ({mean:.0f} tokens), XLM-R Large, bf16, {way}"
        share = f"{100 * flops / peak:.0f} % of {peak / 1e12:.0f} TFLOP/s ({card})" if peak else f"no known peak of {card}"
        yield Line(GROUP, name, "TFLOP/s", flops / 1e12, rounds=rounds, goal=">= 45 % of the peak", note=share)
