"""Prediction for the languages of a target against Hugging Face's `Trainer.predict`, padded and with dynamic padding.

A round takes examples that stand together in the files of two languages, as many of each; the next round takes the next two.
Ours is one stream of both, sorted by length; theirs goes by the files. A line's note compares the numbers of tokens. In bf16 both
compute products in bfloat16; a further peer, with `bf16_full_eval`, computes and keeps everything in it.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import ours, peers
from benchmarks.corpus import LANGUAGES, LEFT_OUT, Corpus, corpus, there, tokenizer
from benchmarks.rounds import PRECISIONS, Line, compared, interleaved, timed
from benchmarks.training import REAL
from xstilts.data.featurizers import featurizer
from xstilts.training.datamodule import ON_CPU

GROUP = "evaluation"
SPLITS = {"xnli": "validation", "xquad": "test"}
TOGETHER = {"xnli": 48, "xquad": 16}
"""Examples of a language in a round: more than one batch of ours, as the whole always is."""
MAX_TOKENS = ON_CPU
"""Of a batch of ours."""


def lines(full: bool) -> Iterator[Line]:
    """XNLI's pairs and XQuAD's windows, in float32 and bf16, then the same with a real encoder."""
    if not there():
        yield Line(GROUP, "left out", "", 0.0, note=LEFT_OUT)
        return
    ours.quiet()
    for encoder in filter(None, ["random", os.environ.get(REAL)]):
        for precision in PRECISIONS:
            goal = ">= 1.9x" if (encoder, precision) == ("random", "32-true") else ""
            folder = "" if encoder == "random" else encoder
            yield from _of("xnli", "pairs", full, folder, precision, {8: goal and ">= 1.5x", 32: goal and ">= 1.5x"}, goal)
            yield from _of("xquad", "windows", full, folder, precision, {8: ""})
    yield _repeated(full)


def _of(
    task: str, what: str, full: bool, encoder: str, precision: str, batch_sizes: dict[int, str], goal: str = ""
) -> Iterator[Line]:
    whole = corpus(task, SPLITS[task], LANGUAGES[task], training=False, encoder=encoder)
    rounds, config, used = 5 if full else 2, ours.encoder_config(full), PRECISIONS[precision]
    samples = [sample(whole, number) for number in range(rounds + 1)]
    theirs, mine = peers.model_of(whole, config), ours.task_model(whole, config)
    longest, everything = whole.limits.max_length, "dynamic padding, batches of 8, everything in bf16"
    if used == "bf16":
        mine.encoder.hold_in_bfloat16()  # as evaluate.py does

    def predicted_by_peer(chosen: Corpus, size: int, padded_to: int = 0) -> object:
        inputs = features(chosen)
        padded = peers.padded(inputs, padded_to, encoder) if padded_to else inputs
        return peers.predict(theirs, padded, size, encoder, "bf16" if used == "bf16" else "")

    contestants = {
        "ours": Rounds(samples, lambda chosen: ours.predict(mine, chosen, MAX_TOKENS, precision)),
        "padding": Rounds(samples, lambda chosen: with_padding(mine, chosen, precision)),
        "padded": Rounds(samples, lambda chosen: predicted_by_peer(chosen, 8, longest)),
    }
    for size in batch_sizes:
        contestants[f"dynamic {size}"] = Rounds(samples, lambda chosen, size=size: predicted_by_peer(chosen, size))
    if used == "bf16":
        cast = peers.model_of(whole, config)
        contestants[everything] = Rounds(
            samples, lambda chosen: peers.predict(cast, features(chosen), 8, encoder, "bf16_full_eval")
        )
    found = interleaved(contestants, rounds)
    tokens = np.mean([chosen.lengths.mean() for chosen in samples[1:]])
    told = Path(encoder).name or ours.depth(full)
    note = f"{told}; {tokens:.1f} tokens per example ({whole.lengths.mean():.1f} in all {len(whole.lengths):,})"
    size = len(samples[0].lengths)
    speed = {name: [size / seconds for seconds in taken] for name, taken in found.items()}
    name = f"{task}, {size} {what} of 2 languages"

    def against(peer: str, who: str, padded: float, wanted: str) -> Line:
        more = f"theirs has {padded / tokens:.2f} times as many tokens; {note}"
        peer = f"Trainer.predict, {peer}"
        return compared(GROUP, name, "examples/s", speed["ours"], peer, speed[who], wanted, True, more, precision=used)

    yield against(f"padded to {longest}", "padded", longest, goal)
    for batch, wanted in batch_sizes.items():
        padded = float(np.mean([_padded(chosen.lengths, batch) for chosen in samples[1:]]))
        yield against(f"dynamic padding, batches of {batch}", f"dynamic {batch}", padded, wanted)
        if batch == 8 and used == "bf16":
            yield against(everything, everything, padded, "")
    peer = "the same with padding"
    yield compared(GROUP, f"{name}, padding-free", "s", found["ours"], peer, found["padding"], note=note, precision=used)


def _padded(lengths: np.ndarray, batch_size: int) -> float:
    """Tokens per example with the padding of batches in this order."""
    batches = np.split(lengths, range(batch_size, len(lengths), batch_size))
    return sum(batch.max() * len(batch) for batch in batches) / len(lengths)


def _repeated(full: bool) -> Line:
    """A control in which inputs are equal: XNLI's premises without their hypotheses, of which it has three each."""
    whole, rounds = corpus("xnli", "validation", ["de", "en"], training=False), 5 if full else 2
    examples = whole.examples.select(range(3 * TOGETHER["xnli"]))
    alone = examples.remove_columns("text_b").add_column("text_b", [None] * len(examples), feature=examples.features["text_b"])
    made = featurizer(whole.task.format).featurize(alone, tokenizer(), whole.task, whole.limits, False)
    once = replace(whole, features=replace(whole.features, examples=alone, features=made))
    each = replace(whole, features=replace(once.features))
    each.features.__dict__["repeated"] = {}  # as if all were different
    model = ours.task_model(whole, ours.encoder_config(full))

    def predicted(chosen: Corpus) -> Callable[[], float]:
        def work() -> float:
            start = time.process_time()
            ours.predict(model, chosen, MAX_TOKENS)
            return time.process_time() - start

        return work

    found = interleaved({"once": predicted(once), "each": predicted(each)}, rounds)
    share = 100 * (1 - len(once.features.different()) / len(made))
    note = f"{share:.0f} % of {len(made)} rows are repeated; {ours.depth(full)}"
    name = "xnli's premises alone, equal inputs encoded once"
    return compared(GROUP, name, "s of CPU", found["once"], "each input encoded", found["each"], note=note, precision="float32")


class Rounds:
    """A contestant that takes the next sample at each turn; the first, which warms it up, is a short one."""

    def __init__(self, samples: list[Corpus], work: Callable[[Corpus], object]) -> None:
        self.work, self.samples = work, iter(samples)

    def __call__(self) -> float:
        chosen = next(self.samples)
        return timed(lambda: self.work(chosen))


def sample(whole: Corpus, number: int) -> Corpus:
    """The examples of round `number`, from 1; 0: the shortest ones, to warm up with."""
    together, languages = TOGETHER[whole.task.name], LANGUAGES[whole.task.name]
    if number == 0:
        rows = np.argsort(whole.lengths, kind="stable")[: 2 * together].tolist()
    else:
        rows = []
        for place in (2 * number - 2, 2 * number - 1):
            there = whole.rows_of(languages[place % len(languages)])
            start = (number * 7919) % (len(there) - together)
            rows += there[start : start + together].tolist()
    return replace(whole, features=replace(whole.features, features=whole.features.features.select(rows).flatten_indices()))


def features(chosen: Corpus) -> peers.Features:
    """In the order of the files."""
    return chosen.dictionaries(range(len(chosen.lengths)), gold=False)


def with_padding(model: ours.TaskModule, chosen: Corpus, precision: str) -> object:
    """Our way, but with padding in the encoder."""
    model.encoder.padding_free = False
    try:
        return ours.predict(model, chosen, MAX_TOKENS, precision)
    finally:
        model.encoder.padding_free = True
