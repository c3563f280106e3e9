"""A part of experiments/phang2020.yaml's grid, from nothing to its results: one sweep; its cells, each by itself; and scripts.

    ours              `xstilts train -m`, whose store trains each phase once
    the same, apart   `xstilts train` for each cell, with a store of its own
    scripts           benchmarks/scripts.py, a process for each cell

All start with the same encoder, which has random weights, and the same files of a synthetic world, and train an epoch of the same
examples. A difference in optimizer steps, real tokens or tested examples is an error. One process does the work of a sweep, or of
a cell (`worker=inline`), because these cells take seconds.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from benchmarks import ours
from benchmarks.rounds import Line, Seconds, compared, interleaved

GROUP = "grid"
TARGETS = ("xnli", "udpos", "xquad", "tatoeba")
SCRIPTS, APART = "transformers' Trainer, a script for each cell", "a store for each cell"
RECIPE = "epochs=1 eval_every=0 selection=last max_length=128 doc_stride=48 max_query_length=48".split()
WORDS = [
    *("data=babel_micro recipe=jiant logger=none worker=inline data.world.target_share=50".split()),
    *(f"{place}.recipe.{word}" for place in ("intermediate", "target") for word in RECIPE),
]
EVALUATION = ["target.splits=[test]", "target.recipe.retrieval_layers=[12]"]
PAPER = "+experiments=phang2020 data=babel seed=1".split()
"""The paper's 99 cells. How many trainings they need does not depend on the data; those of the synthetic world are all here."""


@dataclass(frozen=True)
class Size:
    """How large the cells are, and how many."""

    choices: tuple[str, ...]
    targets: tuple[str, ...] = TARGETS
    rows: float = 0.05
    """Of the world's examples: 0.05 are 200 pairs of sentences for each training with MNLI's form."""
    width: int = 384
    heads: int = 12


FULL = Size(("none", "mnli", "squad_v1", "hellaswag"))
SMALL = Size(("none", "mnli"), ("xnli", "tatoeba"), width=128, heads=4)
TINY = Size(("hellaswag",), rows=0.01, width=32, heads=2)
"""A cell of each format, to see that all of it runs."""


@dataclass
class Cell:
    """A cell of the grid: its words, and what a script must know."""

    words: list[str]
    script: dict[str, Any]
    metric: str
    trained: list[dict[str, int]] = field(default_factory=list)
    """Steps and real tokens of each phase, as our own trainer will do them."""

    @property
    def name(self) -> tuple[str, str]:
        """Intermediate choice and target."""
        return self.script["intermediate"], self.script["target"]["name"]


def lines(full: bool) -> Iterator[Line]:
    """The two ratios, and what counting trainings says of them."""
    size = TINY if ours.ENCODER else FULL if full else SMALL
    with tempfile.TemporaryDirectory() as folder:
        grid = Grid(Path(folder), size)
        yield from grid.compare(5 if full and not ours.ENCODER else 1)
        keys = _trainings(grid.planned)
        yield _counted("trainings of this grid", keys, [1] * len(keys))
        yield _counted("their real tokens", keys, [phase["tokens"] for cell in grid.cells for phase in cell.trained])
    if full and not ours.ENCODER:
        keys = _trainings(_planned(PAPER))
        yield _counted("trainings of the paper's grid, 99 cells", keys, [1] * len(keys))


class Grid:
    """The cells of one size, with their encoder and files in a folder."""

    def __init__(self, here: Path, size: Size) -> None:
        self.here, self.size = here, size
        encoder = _encoder(here / "encoder", size)
        self.words = [*WORDS, *EVALUATION, f"data.world.rows={size.rows}", f"model.name_or_path={encoder}", "seed=1"]
        self.grid = [f"+intermediate={','.join(size.choices)}", f"+target={','.join(size.targets)}"]
        self.planned = _planned([*self.words, *self.grid, f"store.root={here / 'files'}"])
        self.cells = [_cell(planned, here, str(encoder)) for planned in self.planned]

    def compare(self, rounds: int) -> Iterator[Line]:
        """Both ratios. RuntimeError if the three did not do the same work."""
        found = interleaved({"ours": self.together, APART: self.apart, SCRIPTS: self.by_scripts}, rounds, warm_up=0)
        size, cells = self.size, len(self.cells)
        note = f"random encoder, 12 layers x {size.width}; {self.same_work()}; seconds of the whole grid"
        for peer in (SCRIPTS, APART):
            seconds = [[one.cpu for one in found[who] if isinstance(one, Seconds)] for who in ("ours", peer)]
            name = f"{cells} cells of phang2020, one seed"
            yield compared(GROUP, name, "s", found["ours"], peer, found[peer], note=note, cpu=(seconds[0], seconds[1]))

    def together(self) -> Seconds:
        """One sweep."""
        here = self._fresh("ours")
        _with_files(self.here, here / "store")
        return _seconds([["xstilts", "train", "-m", *self.words, *self.grid, *_places(here)]], here)

    def apart(self) -> Seconds:
        """A command and a store for each cell."""
        here = self._fresh("apart")
        commands = []
        for number, cell in enumerate(self.cells):
            _with_files(self.here, here / str(number) / "store")
            commands.append(["xstilts", "train", *self.words, *cell.words, *_places(here / str(number))])
        return _seconds(commands, here)

    def by_scripts(self) -> Seconds:
        """A script for each cell. The tokens that one has made are there for the next."""
        here = self._fresh("scripts")
        commands = []
        for number, cell in enumerate(self.cells):
            (here / str(number)).mkdir()
            (here / f"{number}.json").write_text(json.dumps(cell.script | {"folder": str(here / str(number))}))
            commands.append(["benchmarks.scripts", str(here / f"{number}.json")])
        return _seconds(commands, here)

    def _fresh(self, name: str) -> Path:
        here = self.here / name
        shutil.rmtree(here, ignore_errors=True)
        here.mkdir()
        return here

    def same_work(self) -> str:
        """Steps, tokens and scores of the last turns in words; RuntimeError where steps, tokens or tested examples differ."""
        from xstilts import metrics
        from xstilts.store.results import cell_predictions, read_results

        together = {_name(result): result for result in read_results(self.here / "ours" / "outputs" / "results")}
        steps = tokens = 0
        scores: dict[str, list[float]] = {"ours": [], "theirs": []}
        for number, cell in enumerate(self.cells):
            theirs = json.loads((self.here / "scripts" / str(number) / "told.json").read_text(encoding="utf-8"))
            (alone,) = read_results(self.here / "apart" / str(number) / "outputs" / "results")
            result = together[cell.name]
            if theirs["trained"] != cell.trained:
                raise RuntimeError(f"{cell.name}: the script trained {theirs['trained']}, ours {cell.trained}")
            if alone["rows"] != result["rows"]:
                raise RuntimeError(f"{cell.name}: a cell by itself has other scores than in the sweep")
            steps += sum(phase["steps"] for phase in cell.trained)
            tokens += sum(phase["tokens"] for phase in cell.trained)
            rows = cell_predictions(self.here / "ours" / "outputs", result)
            for language, predictions in theirs["predictions"].items():
                own = [row for row in rows if row["language"] == language]
                if {row["id"] for row in own} != set(predictions):
                    raise RuntimeError(f"{cell.name}: the script tested other examples of {language}")
                gold = [row["gold"] for row in own]
                for who, given in (
                    ("ours", [row["prediction"] for row in own]),
                    ("theirs", [predictions[row["id"]] for row in own]),
                ):
                    scores[who].append(metrics.score(cell.metric, gold, given, language)[metrics.main_key(cell.metric)])
        return (
            f"both {steps} steps and {tokens:,} real tokens if each cell trains its phases; "
            f"mean score {statistics.mean(scores['ours']):.1f}, the peer's {statistics.mean(scores['theirs']):.1f}"
        )


def _name(result: dict[str, Any]) -> tuple[str, str]:
    return "+".join(result["cell"]["intermediate"]) or "none", result["cell"]["target"]


def _places(here: Path) -> list[str]:
    return [f"store.root={here / 'store'}", f"output={here / 'outputs'}"]


def _with_files(here: Path, store: Path) -> None:
    """The world's files, as if they had been downloaded."""
    shutil.copytree(here / "files" / "worlds", store / "worlds")


def _encoder(here: Path, size: Size) -> Path:
    """The folder of an encoder for the world, of 12 layers, after one step of training."""
    shape = {"hidden_size": size.width, "num_attention_heads": size.heads, "intermediate_size": 4 * size.width}
    shape |= {"num_hidden_layers": 12, "max_position_embeddings": 130}
    words = ["data=babel_micro", "logger=none", "worker=inline", "pretraining.recipe.max_steps=1", *_places(here)]
    _finish(["xstilts", "pretrain", *words, *(f"model.tiny.{name}={value}" for name, value in shape.items())], here.parent)
    (folder,) = (here / "store" / "trained").glob("[!.]*/")
    return folder


def _planned(words: Sequence[str]) -> list[Any]:
    """The planned cells of a grid. RuntimeError if one cannot be run."""
    import xstilts

    plan = xstilts.plan(*words)
    if plan.problems:
        raise RuntimeError(plan.problems[0])
    return plan.cells


def _cell(planned: Any, here: Path, encoder: str) -> Cell:
    """What a script is told of the cell: files with our examples, and our hyperparameters."""
    from xstilts.data.tokenizer import load_tokenizer

    config, test = planned.config, planned.plan.evaluation
    tokenizer = load_tokenizer(encoder)
    phases, trained = [], []
    for phase in planned.plan.training:
        (data,) = phase.job.tasks.values()
        values = phase.job.hyperparameters
        file = _file(here, data.source, data.train.expression, data.train.languages)
        told = ("learning_rate", "batch_size", "epochs", "warmup_fraction", "weight_decay", "max_grad_norm", "head_dropout")
        phases.append(_task(data.task, data.limits) | {name: getattr(values, name) for name in told} | {"train": file})
        trained.append(_work(phase.job, tokenizer))
    (split,) = test.splits
    tests = {language: _file(here, test.source, split.expression, [language]) for language in split.languages}
    layer = (test.hyperparameters.retrieval_layers or [0])[0]
    target = _task(test.task, test.limits) | {"tests": tests, "layer": layer, "eval_batch_size": 32}
    choice = "+".join(config.intermediate.tasks) or "none"
    script = {"intermediate": choice, "encoder": encoder, "phases": phases, "target": target, "seed": config.seed}
    return Cell([f"+intermediate={choice}", f"+target={test.task.name}"], script, test.task.metrics[0], trained)


def _task(task: Any, limits: Any) -> dict[str, Any]:
    told = {"name": task.name, "format": task.format, "labels": list(task.labels)}
    return told | {"max_length": limits.max_length, "doc_stride": limits.doc_stride}


def _file(here: Path, source: Any, part: str, languages: list[str]) -> str:
    """A file with these examples, as JSON lines; the world's own files are made, too."""
    from xstilts.sources.generated import generate
    from xstilts.sources.load import load
    from xstilts.sources.splits import parse_split

    file = here / "scripted" / f"{source.task.name}-{part.replace(':', '_')}-{'+'.join(languages)}.jsonl"
    if not file.exists():
        generate(source, parse_split(part)[0], languages)
        file.parent.mkdir(exist_ok=True)
        file.write_text("".join(json.dumps(row) + "\n" for row in load(source, part, languages)), encoding="utf-8")
    return str(file)


def _work(job: Any, tokenizer: Any) -> dict[str, int]:
    """The steps of a training and the real tokens in them."""
    from xstilts.data.plan import StepPlan
    from xstilts.training.features import training_features

    ((name, data),) = job.tasks.items()
    rows = training_features(data, tokenizer).features["input_ids"][:]
    lengths = [len(row) if isinstance(row[0], int) else sum(map(len, row)) for row in rows]
    values = job.hyperparameters
    plan = StepPlan({name: len(rows)}, values.batch_size, job.seed, values.epochs, values.max_steps)
    return {"steps": len(plan), "tokens": sum(lengths[row] for number in range(len(plan)) for row in plan.step(number)[1])}


def _trainings(planned: list[Any]) -> list[str]:
    """Phases 2 and 3 of all cells: their fingerprints, one for each time that a cell needs it."""
    return [phase.paths.fingerprint for cell in planned for phase in cell.plan.training]


def _counted(name: str, keys: list[str], costs: list[int]) -> Line:
    """The sum of the costs if each training is done once, and if each cell does its own."""
    once, apart = float(sum(dict(zip(keys, costs, strict=True)).values())), float(sum(costs))
    return Line(GROUP, name, "", once, "each cell trains its phases", apart, apart / once, apart / once, apart / once)


def _seconds(commands: Sequence[Sequence[str]], here: Path) -> Seconds:
    """Of the commands, one after the other, by the clock and of all their processes."""
    start, before = time.perf_counter(), _cpu_of_children()
    for command in commands:
        _finish(command, here)
    return Seconds(time.perf_counter() - start, _cpu_of_children() - before)


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _finish(command: Sequence[str], here: Path) -> None:
    """Run `python -m` with these words to its end; all with as many threads, and what `datasets` caches in this folder."""
    told = os.environ | {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(here / "datasets"), "TOKENIZERS_PARALLELISM": "false"}
    told.setdefault("OMP_NUM_THREADS", str(torch.get_num_threads()))
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=Path(__file__).parents[1], env=told, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-2000:]}")
