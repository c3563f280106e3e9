"""docs/search_hyperparameters.md: its command and its programs run, and what they maximize is the validation score."""

import re
import shlex
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

import xstilts
from xstilts import train
from xstilts.config import Config
from xstilts.launch.cells import failures
from xstilts.store.results import read_results
from xstilts.store.validation import validation_score

QUICK = ("worker=inline", "trainer.accelerator=cpu", "trainer.num_threads=1")
pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # Optuna 2.10 and its parts use what others call old
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "search_hyperparameters.md").read_text(encoding="utf-8")


def blocks(page: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


def search(page: str, *more: str) -> None:
    """Run the command of the page in this process."""
    (command,) = blocks(page, "bash")
    words = shlex.split(command.replace("\\\n", " "))
    train.main([*words[2:], *QUICK, *more])


def test_scores_and_failures_reach_hydras_sweeper(
    page: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    in_this_process: Callable[[], AbstractContextManager[None]],
) -> None:
    """The command of the page; a cell's score is made up from its learning rate, and nothing is trained."""
    pytest.importorskip("optuna")
    monkeypatch.chdir(tmp_path)
    rates: list[float] = []

    def run(config: Config, scored: bool) -> dict[str, float]:
        assert scored
        rates.append(config.target.recipe.learning_rate or 0.0)
        if len(rates) > 5:
            raise xstilts.UserError("this cell cannot be run")
        return {"score": -rates[-1]}

    for name, made in {"run": run, "show_cell": lambda result: None, "validation_score": lambda result: result["score"]}.items():
        monkeypatch.setattr(train, name, made)
    with in_this_process():
        search(page)
    found = yaml.safe_load((tmp_path / "outputs/search/hydra/optimization_results.yaml").read_text(encoding="utf-8"))
    assert len(rates) == 5 and found["best_value"] == -min(rates)
    with in_this_process(), pytest.raises(SystemExit) as ended:
        search(page)
    assert ended.value.code == 2 and len(rates) == 6
    assert "error: this cell cannot be run\n" in capsys.readouterr().err


def test_five_trials_of_hydras_sweeper(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_this_process: Callable[[], AbstractContextManager[None]]
) -> None:
    pytest.importorskip("optuna")
    monkeypatch.chdir(tmp_path)
    with in_this_process():
        search(page)
    results = read_results(tmp_path / "outputs" / "search" / "results")
    found = yaml.safe_load((tmp_path / "outputs/search/hydra/optimization_results.yaml").read_text(encoding="utf-8"))
    rates = {result["config"]["target"]["recipe"]["learning_rate"]: validation_score(result) for result in results}
    assert len(rates) == 5 and all(1e-5 < rate < 1e-2 for rate in rates) and not failures
    assert found["best_value"] == max(rates.values())  # type: ignore[type-var]
    assert rates[found["best_params"]["target.recipe.learning_rate"]] == found["best_value"]


@pytest.mark.parametrize(
    ("instead", "message"),
    [
        ("+target=xnli target.recipe.eval_every=0", "no validation score: type target.recipe.selection=best, "),
        ("+target=tatoeba", "no validation score: type target.recipe.selection=best, "),
        ("+target=xnli target.languages=[xx]", "xx"),
    ],
)
def test_a_search_that_has_no_score_ends_with_one_line_before_anything_is_trained(
    instead: str,
    message: str,
    page: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    in_this_process: Callable[[], AbstractContextManager[None]],
) -> None:
    pytest.importorskip("optuna")
    monkeypatch.chdir(tmp_path)
    with in_this_process(), pytest.raises(SystemExit) as ended:
        search(page.replace("+target=xnli", instead).replace("selection=best", "selection=last"))
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert ended.value.code == 2 and len(errors) == 1 and message in errors[0]
    assert not (tmp_path / "store" / "trained").exists()


def test_the_programs_of_the_page(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """W&B's server is not there: its agent calls the function three times, with values of the sweep's interval."""
    pytest.importorskip("optuna")
    monkeypatch.chdir(tmp_path)
    by_optuna, by_wandb = (text.replace('"logger=none"', f'"logger=none", *{QUICK!r}') for text in blocks(page, "python"))
    names: dict[str, Any] = {}
    exec(compile(by_optuna, "docs/search_hyperparameters.md", "exec"), names)
    study = names["search"]
    assert len(study.trials) == 5 and study.best_value == max(trial.value for trial in study.trials)
    logged: list[dict[str, float]] = []
    declared: dict[str, Any] = {}

    class Run:
        config = SimpleNamespace(learning_rate=1e-3)

        def __enter__(self) -> "Run":
            return self

        def __exit__(self, *error: object) -> None: ...

        log = staticmethod(logged.append)

    def agent(sweep: str, function: Callable[[], None], count: int) -> None:
        for rate in (1e-4, 1e-3, 1e-4):
            Run.config.learning_rate = rate
            function()

    wandb = SimpleNamespace(init=lambda group: Run(), agent=agent, sweep=lambda config, project: declared.update(config) or "id")
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    exec(compile(by_wandb, "docs/search_hyperparameters.md", "exec"), names)
    assert declared["metric"] == {"name": next(iter(logged[0])), "goal": "maximize"}
    assert len(logged) == 3 and logged[0] == logged[2]


def test_a_cell_without_validation_says_so() -> None:
    result = {"config": {"target": {"training": {}}, "store": {"root": "store"}}, "artifacts": []}
    with pytest.raises(xstilts.UserError, match="^cell: no validation score: type target.recipe.selection=best"):
        _ = xstilts.Cell("cell", Path(), result).validation_score
