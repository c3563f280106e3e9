"""All file and folder names of the store and the output. No other module spells one out. No I/O beyond looking.

In the store:

    <kind>/<fingerprint>/            an artifact: metadata.json, done.json, heads.safetensors, model files;
                                     a trained one also has the notes README.md (its model card) and scores.json,
                                     and of encoders with adapters adapters/<number>/
    <kind>/.<fingerprint>.work/      an unfinished training: job, checkpoints, log
    <kind>/.<fingerprint>.lock       held by the process that trains it
    .checksums.json                  sha256 of raw data files that were read before
    read/<key>.json                  a split that was read without a problem
    tasks/<digest>/<split>-<language>.jsonl    examples that a Python program has given

In the output of a study:

    results/<cell>.json              the result of one cell
    predictions/<cell>.parquet       its predictions
    work/<cell>/                     job, log and vectors of its evaluation
    curves/<phase>/                  training curves, a folder for each attempt
    logs/<phase>.log                 log of a worker of a sweep
    sweep.json                       how every unit of the last sweep ended
    report/report.html               the report of the study, beside its tables and figures
    wandb/                           W&B's own files, a folder for each run
    wandb/<run>.history.jsonl        values that an unfinished training has logged
"""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from xstilts.errors import UserError
from xstilts.numbering import counted

PACKAGE = Path(__file__).resolve().parent
METADATA = "metadata.json"
DONE = "done.json"
CARD = "README.md"
SCORES = "scores.json"
NOTES = (CARD, SCORES)
"""Files of an artifact that may change after it is published; they have no checksum."""
HEADS = "heads.safetensors"
LAST_CHECKPOINT = "last.ckpt"
LAST_STEP = ".step"
"""Suffix of the file beside a checkpoint that holds its step number, readable without torch."""
THREADS = "threads"
"""Beside a job: the number of CPU threads that its worker began with."""
WORKER_ERROR = "error.txt"
"""Beside a job: the message of the UserError that ended its worker."""
BEST_WEIGHTS = "best.safetensors"
WORD_EMBEDDINGS = "word_embeddings.npy"
DYNAMICS = "dynamics.parquet"
LONGEST_NAME = 200
"""Maximum length of a study's name, in bytes."""
FORBIDDEN = '/\\:*?"<>|'
"""Characters that are not allowed in names because they are special in file systems, shells or spreadsheets."""
LONGEST_CELL_NAME = 200
"""Maximum length of a cell's name, in bytes; file systems allow 255, and temporary names are longer than final ones."""


def conf_dir() -> Path:
    """Return the folder of Hydra's config groups, in the checkout or in the installed wheel."""
    # A checkout comes first: an editable install may have left an old copy in the environment.
    checkout = PACKAGE.parents[1]
    is_checkout = PACKAGE.parent.name == "src" and (checkout / "pyproject.toml").is_file() and (checkout / "conf").is_dir()
    return (checkout if is_checkout else PACKAGE) / "conf"


def experiments_dir() -> Path:
    """The folder of study files, a config group like the others; in a checkout a link to the folder beside conf/."""
    return conf_dir() / "experiments"


def adapter_folder(artifact: Path, number: int) -> Path:
    """Return the folder of an artifact's adapter; they are numbered from 1, in the order in which they were trained."""
    return artifact / "adapters" / str(number)


def checksum_cache(store: Path) -> Path:
    """Return the cache file for checksums of raw data files."""
    return store / ".checksums.json"


def read_mark(store: Path, key: str) -> Path:
    """Return the file that marks a split as read without a problem; `key` hashes everything that this depends on."""
    return store / "read" / f"{key}.json"


def given_examples(store: Path, digest: str) -> Path:
    """The folder with the examples of a task that a Python program has given; `digest` is a hash of all of them."""
    return store / "tasks" / digest


def results_dir(output: Path) -> Path:
    """Return the folder with one result file per cell of a study."""
    return output / "results"


def sweep_summary(output: Path) -> Path:
    """Return the file that records how every unit of the study's last sweep ended."""
    return output / "sweep.json"


def report_dir(output: Path) -> Path:
    """Return the folder of the study's report: its page, tables and figures."""
    return output / "report"


def report_page(folder: Path) -> Path:
    """Return the HTML page in a report's folder."""
    return folder / "report.html"


def curves_dir(output: Path, tasks: list[str], fingerprint: str) -> Path:
    """Return the folder for the training curves of one phase."""
    return output / "curves" / f"{'+'.join(tasks)}.{fingerprint[:8]}"


def log_file(output: Path, label: str, name: str) -> Path:
    """Return the log of a worker of a sweep, such as `phase2.mnli+mlm.5f0c9a3e.log`; `name` distinguishes equal labels."""
    start, end = label.replace(": ", ".").replace(" ", ""), f".{name}.log"
    return output / "logs" / (start[: max(0, LONGEST_CELL_NAME + 7 - len(end))] + end)


def wandb_history(output: Path, run: str) -> Path:
    """Return the file with the values that an unfinished training has logged to W&B, over all its attempts."""
    return output / "wandb" / f"{run}.history.jsonl"


def cell_name(intermediate: list[str], target: str, seed: int, fingerprint: str) -> str:
    """Return the name of a cell's files, such as `mnli+mlm.xnli.seed1.5f0c9a3e`; the fingerprint makes it unique."""
    start = "+".join(intermediate) or "none"
    end = f".{target}.seed{seed}.{fingerprint[:8]}"
    return start[: LONGEST_CELL_NAME - len(end)] + end


def name_problem(name: str) -> str:
    """Return why a study or language cannot have this name, which becomes part of file names; empty if it can.

    Letters of every script are allowed.
    """
    if not name or name != name.strip():
        return f"got {name!r}, expected a name, without white space around it"
    if name.startswith((".", "-", "~")):
        return f"got {name!r}, expected a name that does not begin with . - or ~"
    bad = [
        character for character in name if character in FORBIDDEN or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
    ]
    if bad:
        return f"got {name!r}, expected a name without {' '.join(FORBIDDEN)} and control characters"
    if len(name.encode()) > LONGEST_NAME:
        return f"got a name of {counted(len(name.encode()), 'byte')}, '{name[:20]}...', expected at most {LONGEST_NAME}"
    return ""


def task_name_problem(name: str) -> str:
    """Return why a task or a head cannot have this name; empty if it can.

    It becomes part of a cell's file names, a key of a config, and a word of the command line.
    """
    if not re.fullmatch(r"[A-Za-z_][\w+-]*", name, re.ASCII) or len(name) > LONGEST_NAME // 2:
        shown = repr(name) if len(name) < 40 else f"'{name[:40]}...'"
        return f"got {shown}, expected at most {LONGEST_NAME // 2} letters a to z, digits and _+-, a letter or _ in front"
    if name.lower() in ("null", "true", "false", "nan", "inf"):
        return f"got '{name}', which is a value on the command line: choose another name"
    return ""


@dataclass(frozen=True)
class ArtifactPaths:
    """The files of one artifact, finished or not."""

    store: Path
    kind: str
    """The phase that produced it; a folder name."""
    fingerprint: str

    @property
    def folder(self) -> Path:
        """The finished artifact; exists only when complete."""
        return self.store / self.kind / self.fingerprint

    @property
    def lock(self) -> Path:
        """The lock of processes that build or remove the artifact."""
        return self.store / self.kind / f".{self.fingerprint}.lock"

    @property
    def work(self) -> Path:
        """The folder from which an unfinished training resumes; removed when the artifact is published."""
        return self.store / self.kind / f".{self.fingerprint}.work"

    @property
    def last_checkpoint(self) -> Path:
        """The checkpoint to resume from."""
        return self.work / LAST_CHECKPOINT

    @property
    def job(self) -> Path:
        """The resolved job that the worker reads."""
        return self.work / "job.json"

    @property
    def worker_log(self) -> Path:
        """The log of the worker, over all its attempts."""
        return self.work / "worker.log"


@dataclass(frozen=True)
class CellPaths:
    """The files of one cell's evaluation."""

    output: Path
    name: str
    """The result of `cell_name`."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w+][\w+.=-]*", self.name, re.ASCII) or len(self.name) > LONGEST_CELL_NAME:
            raise UserError(
                f"'{self.name}' is no name for a cell's files: expected at most {LONGEST_CELL_NAME} letters, digits and _+.=-, "
                f"with none of .=- in front; rename the task or the study"
            )

    @property
    def result(self) -> Path:
        """The result; exists only when complete."""
        return results_dir(self.output) / f"{self.name}.json"

    @property
    def predictions(self) -> Path:
        """Predictions and gold of all evaluated examples."""
        return self.output / "predictions" / f"{self.name}.parquet"

    @property
    def work(self) -> Path:
        """The working folder of an unfinished evaluation."""
        return self.output / "work" / self.name

    @property
    def lock(self) -> Path:
        """The lock of the process that evaluates the cell."""
        return self.output / "work" / f".{self.name}.lock"

    @property
    def job(self) -> Path:
        """The resolved job that the worker reads."""
        return self.work / "job.json"

    @property
    def worker_log(self) -> Path:
        """The log of the worker, over all its attempts."""
        return self.work / "worker.log"
