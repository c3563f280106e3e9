"""On a GPU: XLM-R Large in bfloat16 against Hugging Face's Trainer in bfloat16, how much of the card is used, and memory.

Three contests, one after the other; all contestants of one share the card, by estimate up to 80 GB, or 120 GB on a larger card:

    recipe    steps of 32 XNLI pairs, as published recipes have them; the optimizer is a large part of such a step
    large     steps of 128 XNLI pairs, and of 128 rows of 128 tokens
    long      steps of 32 rows of 512 tokens

A turn is several steps in a row, so that loading and the host's work overlap with the GPU's as they do in training. Without a GPU
the group says so; `XSTILTS_BENCHMARK_ENCODER=tiny` runs it on the CPU, to see that it runs. There nothing is compiled, and those
that differ in nothing else are left out: each is a process, and to start fifteen on shared cores took longer than the limit.
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from multiprocessing.pool import ThreadPool

import numpy as np
import torch
from datasets import Dataset, concatenate_datasets
from transformers import XLMRobertaConfig

from benchmarks import ours, peers
from benchmarks.corpus import LEFT_OUT, Corpus, corpus, there, typical
from benchmarks.rounds import Line, compared, interleaved
from benchmarks.training import epoch
from benchmarks.workers import Worker
from xstilts.config import TrainerConfig

GROUP = "gpu"
LARGE_CARD = torch.cuda.is_available() and torch.cuda.get_device_properties(0).total_memory > 120e9
TOKENS = 16384 if LARGE_CARD else 8192
"""Subwords of a micro-batch."""
PEAKS = {"H200": 989e12, "H100 PCIe": 756e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "RTX 4090": 165e12}
"""Dense bfloat16 FLOP/s by the makers' data sheets; the first name that the card's own contains counts."""
PLAIN = TrainerConfig(precision="bf16-mixed", max_tokens=TOKENS)
COMPILED = replace(PLAIN, compile=torch.cuda.is_available())
TRAINERS = ("Trainer", "Trainer, compiled")
COMPILED_TWINS = ("not compiled", "Trainer, compiled")
"""Where nothing is compiled, these do what `ours` and `Trainer` do."""


@dataclass(frozen=True)
class Way:
    """How one of ours trains."""

    settings: TrainerConfig = field(default_factory=lambda: COMPILED)
    mode: str = "ours"
    trimmed: bool = True
    attention_dropout: float = 0.1


WAYS = {
    "ours": Way(),
    "not compiled": Way(PLAIN),
    "no attention dropout": Way(attention_dropout=0.0),
    "padded": Way(mode="padded"),
    "trim_vocabulary=false": Way(trimmed=False),
}


@dataclass(frozen=True)
class Contest:
    """Who takes part in what: `parts` maps a name to our steps and the Trainer's, as rows of `data`."""

    name: str
    data: Corpus
    at_once: int
    """Rows that the Trainer takes at a time."""
    ways: tuple[str, ...]
    rounds: int
    turn: int
    """Steps of a turn."""
    parts: dict[str, tuple[list[np.ndarray], list[np.ndarray]]] = field(default_factory=dict)
    warm_up: int = 2

    def steps_of(self, who: str) -> list[np.ndarray]:
        """All steps of a contestant, part by part, and one that is never done: before it, the process answers questions."""
        number = (self.rounds + self.warm_up) * self.turn
        both = [part[who in TRAINERS] for part in self.parts.values()]
        return [steps[place % len(steps)] for steps in both for place in range(number)] + [both[0][0]]

    def worker(self, who: str) -> Worker:
        """The process of a contestant."""
        steps, config = self.steps_of(who), large()
        if who in TRAINERS:
            features = [self.data.dictionaries(step) for step in steps]
            compiled = who == "Trainer, compiled" and torch.cuda.is_available()
            return Worker(peers.train, self.data, config, features, self.at_once, True, compiled, steps=self.turn)
        way = WAYS[who]
        config.attention_probs_dropout_prob = way.attention_dropout
        layout = [(way.mode, step) for step in steps]
        return Worker(ours.train, self.data, config, layout, way.settings, way.trimmed, steps=self.turn)

    def seconds(self) -> Iterator[tuple[str, dict[str, list[float]], dict[str, float]]]:
        """Of every part: its name, each contestant's seconds of a step in each round, and its gigabytes until then."""
        with ExitStack() as processes:
            names = [who for who in (*self.ways, *TRAINERS) if torch.cuda.is_available() or who not in COMPILED_TWINS]
            with ThreadPool(len(names)) as pool:  # each is started by its imports, which the others need not wait for
                everyone = pool.map(self.worker, names)
            workers = dict(zip(names, everyone, strict=True))
            for worker in everyone:
                processes.callback(worker.close)
            processes.callback(lambda: [worker.pipe.close() for worker in everyone])  # first: all end at the same time
            for part in self.parts:
                with ThreadPool(len(workers)) as pool:  # they get ready at the same time: loading, compiling
                    ready = pool.map(lambda who: _ready(workers[who], self.warm_up), workers)
                for who, reached in zip(list(workers), ready, strict=True):
                    if not reached:
                        sys.stderr.write(f"{self.name}: '{who}' ended in an error and takes no further part\n")
                        del workers[who]
                found = interleaved({who: worker.turn for who, worker in workers.items()}, self.rounds, warm_up=0)
                yield part, found, {who: worker.gigabytes() for who, worker in workers.items()}


def _ready(worker: Worker, turns: int) -> bool:
    try:
        for _ in range(turns):
            worker.turn()
    except (EOFError, OSError):
        return False
    return True


def lines(full: bool) -> Iterator[Line]:
    """Each contest's lines, as soon as it is over."""
    if not torch.cuda.is_available() and not ours.ENCODER:
        yield Line(GROUP, "left out", "", 0.0, note="no GPU on this machine")
        return
    if not there():
        yield Line(GROUP, "left out", "", 0.0, note=LEFT_OUT)
        return
    for contest in contests(10 if full else 5):
        for part, found, memory in contest.seconds():
            if "ours" in found:
                yield from _lines(contest, part, found, memory)


def contests(rounds: int) -> Iterator[Contest]:
    """The three; tiny ones where only whether they run is asked."""
    pairs = corpus("xnli", "train", ["en"], training=True)
    turn = 5
    if ours.ENCODER:
        rounds = turn = 1

    def natural(size: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        number = (rounds + 2) * turn
        return (
            typical(epoch(pairs, size), pairs.lengths, number),
            typical(peers.grouped(pairs.lengths, size), pairs.lengths, number),
        )

    everyone = tuple(WAYS)
    yield Contest("recipe", pairs, 32, everyone, rounds, turn, {"XNLI, step of 32 pairs": natural(32)})
    two = ("ours", "not compiled")
    both, full = with_full_rows(pairs, 128, 128)
    yield Contest(
        "large",
        both,
        TOKENS // 128,
        two,
        rounds,
        turn,
        {"XNLI, step of 128 pairs": natural(128), "128 rows of 128 tokens": (full, full)},
    )
    both, full = with_full_rows(pairs, 512, 32)
    yield Contest("long", both, TOKENS // 512, two, rounds, turn, {"32 rows of 512 tokens": (full, full)})


def with_full_rows(pairs: Corpus, length: int, number: int) -> tuple[Corpus, list[np.ndarray]]:
    """The pairs and, behind them, rows of exactly this length, made of the same tokens; and a step of those."""
    tokens = np.concatenate([np.asarray(ids) for ids in pairs.features.features["input_ids"][:]])
    rows = tokens[: length * number].reshape(number, length)
    made = Dataset.from_dict(
        {
            "example": [0] * number,
            "length": [length] * number,
            "input_ids": list(rows),
            "second_segment": [0] * number,
            "label": [row % 3 for row in range(number)],
        },
        features=pairs.features.features.features,
    )
    features = concatenate_datasets([pairs.features.features, made])
    behind = np.arange(len(pairs.lengths), len(features))
    return replace(pairs, features=replace(pairs.features, features=features)), [behind]


def large() -> XLMRobertaConfig:
    """XLM-R Large; or what the environment asks for."""
    if ours.ENCODER:
        return ours.encoder_config(False)
    shape = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
    return XLMRobertaConfig(vocab_size=250_002, max_position_embeddings=514, type_vocab_size=1, **shape)


def _lines(contest: Contest, part: str, found: dict[str, list[float]], memory: dict[str, float]) -> Iterator[Line]:
    name = f"{part}, XLM-R Large"
    for who, goal in (("Trainer, compiled", ">= 1.3x"), ("Trainer", ">= 1.3x")):
        if who in found:
            peer = f"{who.replace(', compiled', ', torch.compile')}, group_by_length"
            yield compared(GROUP, name, "s", found["ours"], peer, found[who], goal, precision="bf16")
            if memory[who]:
                yield compared(GROUP, f"{name}: peak memory", "GB", [memory["ours"]], peer, [memory[who]])
    for who in contest.ways:
        if who != "ours" and who in found:
            yield compared(GROUP, name, "s", found["ours"], who, found[who], precision="bf16")
            if memory[who]:
                yield compared(GROUP, f"{name}: peak memory", "GB", [memory["ours"]], who, [memory[who]])
    for who, seconds in found.items():
        yield from _used(contest, part, who, seconds)


def _used(contest: Contest, part: str, who: str, seconds: list[float]) -> Iterator[Line]:
    """Real tokens in a second, and the share of the card's peak."""
    steps = contest.parts[part][who in TRAINERS]
    lengths = np.concatenate([contest.data.lengths[step] for step in steps]).astype(float)
    tokens, squares, median = lengths.sum() / len(steps), (lengths**2).sum() / len(steps), float(np.median(seconds))
    yield Line(GROUP, f"{part}: {who}", "tokens/s", tokens / median, rounds=contest.rounds, note="real tokens only")
    card = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no card"
    peak = next((flops for name, flops in PEAKS.items() if name in card), None)
    config = large()
    # Forwards 2 and backwards 4 FLOP a weight of a layer and token (Kaplan et al. 2020), and attention's two products, of real
    # tokens alone; embeddings, the head, the optimizer and what is computed again count nothing.
    weights = config.num_hidden_layers * (4 * config.hidden_size**2 + 2 * config.hidden_size * config.intermediate_size)
    flops = (6 * weights * tokens + 12 * config.num_hidden_layers * config.hidden_size * squares) / median
    share = f"{100 * flops / peak:.1f} % of {peak / 1e12:.0f} TFLOP/s ({card})" if peak else f"no known peak of {card}"
    yield Line(GROUP, f"model FLOPs, {part}: {who}", "TFLOP/s", flops / 1e12, rounds=contest.rounds, goal=">= 45 %", note=share)
