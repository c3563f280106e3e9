"""python -m xstilts.dashboard: a workspace and a report in W&B for the runs of a study.

The only file that imports wandb_workspaces. The runs are those that `logger=wandb` made. The gains over the baseline, which come
from the study's analysis, become a run of their own, `gains`. Every call makes a new workspace and a new report, and overwrites
that run.
"""

import argparse
import hashlib
import sys
from pathlib import Path
from typing import Any

from xstilts.config import LoggerConfig
from xstilts.errors import UserError
from xstilts.launch.entry import entry_point
from xstilts.paths import results_dir
from xstilts.reporting.analysis import Analysis, analyse
from xstilts.reporting.groups import OTHERS as OTHER_LANGUAGES
from xstilts.reporting.groups import SOURCE
from xstilts.reporting.tables import interval_heading
from xstilts.store.results import read_results
from xstilts.tracking.history import STEP
from xstilts.tracking.identity import RunIdentity
from xstilts.tracking.runs import LOG_IN, artifact_name, logged_in, problem_with_server, tracked
from xstilts.tracking.scores import GAP, OTHERS, main_rows

THROUGHPUT = ("examples_per_second", "tokens_per_second", "seconds_per_step")
GAINS = "target condition intermediate group difference low high covers p_corrected seeds items clusters".split()
ANSWERED = "family question text value low high p p_corrected verdict".split()
Gains = dict[str, list[dict[str, Any]]]
"""Target with its condition -> rows with the columns GAINS."""
Sections = dict[str, list[Any]]


def make(study: Path, entity: str, project: str) -> tuple[str, str]:
    """Make the dashboard of the study with this output folder; return the addresses of its workspace and its report.

    UserError if nobody is logged in, W&B does not answer, or wandb_workspaces is not installed.
    """
    if not logged_in():
        raise UserError(f"nobody is logged in to W&B: {LOG_IN}")
    if problem := problem_with_server():
        raise UserError(f"W&B cannot be reached ({problem}): a dashboard is made online")
    results = read_results(results_dir(study)) if results_dir(study).is_dir() else []
    name = results[0]["cell"]["study"] if results else study.name
    analysis = analyse(study) if results else None
    gained, answered = (gains(analysis), answers(analysis)) if analysis else ({}, [])
    if gained or answered:
        _post(study, name, gained, answered, LoggerConfig(name="wandb", entity=entity, project=project))
    chosen = sections(results, gained, bool(answered))
    try:
        return _workspace(name, entity, project, chosen), _report(name, entity, project, chosen)
    except UserError:
        raise
    except Exception as error:  # whatever the library or the server says
        raise UserError(f"W&B did not take the dashboard: {str(error).strip() or type(error).__name__}") from None


def answers(analysis: Analysis) -> list[list[Any]]:
    """Return the rows of `Analysis.answers`, with the columns ANSWERED."""
    chosen = analysis.answers[list(ANSWERED)].astype(object)
    return [list(row) for row in chosen.where(chosen.notna(), None).itertuples(index=False)]


def gains(analysis: Analysis) -> Gains:
    """Return, for each target and condition, its rows of `Analysis.effects` for the source language and the other languages."""
    effects = analysis.effects
    chosen = effects[effects["group"].isin((SOURCE, OTHER_LANGUAGES))].astype(object)
    rows = chosen.where(chosen.notna(), None)[list(GAINS)].to_dict("records")
    gained: Gains = {}
    for row in rows:
        gained.setdefault(" ".join(filter(None, (row["target"], row["condition"]))), []).append(row)
    return gained


def sections(results: list[dict[str, Any]], gained: Gains, answered: bool) -> Sections:
    """Return title -> panels. Without results: those that need no name of a target, language or artifact.

    `answered`: the study declares questions.
    """
    wr = _library("reports.v2")
    targets: dict[str, list[str]] = {}
    for result in results:
        languages = targets.setdefault(result["cell"]["target"], [])
        languages += [row["language"] for row in main_rows(result) if row["language"] not in languages]
    by_intermediate = {"groupby": wr.Config("intermediate"), "groupby_aggfunc": "mean", "max_bars_to_show": 50}
    plots = [
        wr.BarPlot(title=f"gain over none: {target}", metrics=list(_gain_metrics(target, own))) for target, own in gained.items()
    ]
    seen = [wr.WeavePanelSummaryTable(table_name="gains"), *plots] if gained else []
    means, gaps = (
        [wr.BarPlot(title=f"{one}: {what}", metrics=[f"{one}/{what}"], **by_intermediate) for one in targets or ["score"]]
        for what in (OTHERS, GAP)
    )
    bars = [
        wr.BarPlot(title=f"{target}: languages", metrics=[f"{target}/{code}" for code in languages], max_bars_to_show=100)
        for target, languages in targets.items()
    ]
    curves = [
        wr.LinePlot(title="training loss", x=STEP, metric_regex="train/loss/.*"),
        wr.LinePlot(title="validation score", x=STEP, y=["validation/score"]),
        wr.LinePlot(title="learning rate", x=STEP, y=["train/learning_rate"]),
    ]
    speed = [wr.LinePlot(title=name.replace("_", " "), x=STEP, y=[f"throughput/{name}"]) for name in THROUGHPUT]
    lineage = [wr.WeavePanelArtifact(artifact=name, tab="lineage") for name in _last_artifacts(results)]
    title = "Gains: intermediate x target"
    if gained:
        title += f"; {interval_heading(row['covers'] for rows in gained.values() for row in rows)}"
    named = {
        "Answer": [wr.WeavePanelSummaryTable(table_name="answers")] if answered else [],
        title: [*seen, *means],
        "Languages": [*bars, wr.WeavePanelSummaryTable(table_name="scores")],
        "Transfer gap": gaps,
        "Training curves": curves,
        "Throughput": speed,
        "Lineage": lineage,
    }
    return {title: panels for title, panels in named.items() if panels}


def _gain_metrics(target: str, rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return the name of each gain in the other languages and its value."""
    return {f"gain/{target}/{row['intermediate']}": row["difference"] for row in rows if row["group"] == OTHER_LANGUAGES}


def _last_artifacts(results: list[dict[str, Any]]) -> list[str]:
    """Return the last artifact of each target, whose lineage graph shows the encoder and the evaluations."""
    last = {}
    for result in results:
        trained = [artifact for artifact in result["artifacts"] if artifact["kind"] == "trained"]
        if trained:
            last[result["cell"]["target"]] = artifact_name(trained[-1]["label"], trained[-1]["fingerprint"])
    return list(dict.fromkeys(last.values()))


def _post(study: Path, name: str, gained: Gains, answered: list[list[Any]], logger: LoggerConfig) -> None:
    own = hashlib.sha256(f"gains\n{name}".encode()).hexdigest()[:16]
    chosen = {"study": name, "phase": "gains"}
    identity = RunIdentity(own, name, "gains", f"{name}: gains", ["gains"], str(study.absolute()), chosen)
    with tracked(logger, identity, {}) as run:
        if answered:
            run.table("answers", ANSWERED, answered)
        run.table("gains", GAINS, [list(row.values()) for rows in gained.values() for row in rows])
        run.summary({key: value for target, rows in gained.items() for key, value in _gain_metrics(target, rows).items()})


def _workspace(name: str, entity: str, project: str, chosen: Sections) -> str:
    ws, expr = _library("workspaces"), _library("expr")
    parts = [ws.Section(name=title, panels=panels, is_open=True) for title, panels in chosen.items()]
    grouped = [ws.Metric("JobType"), ws.Config("intermediate")]
    runs = ws.RunsetSettings(filters=expr.And(expr.Metric("Group") == name), groupby=grouped)
    workspace = ws.Workspace(name=name, entity=entity, project=project, sections=parts, runset_settings=runs)
    workspace.settings.x_axis, workspace.settings.max_runs = STEP, 50
    workspace.save()
    return str(workspace.url)


def _report(name: str, entity: str, project: str, chosen: Sections) -> str:
    wr, expr = _library("reports.v2"), _library("expr")
    blocks: list[Any] = [wr.TableOfContents()]
    for title, panels in chosen.items():
        runs = wr.Runset(entity=entity, project=project, name=name, filters=expr.And(expr.Metric("Group") == name))
        blocks += [wr.H1(title), wr.PanelGrid(runsets=[runs], panels=panels)]
    described = "Every training phase and every evaluation of the study. Numbers for a paper: the result files."
    report = wr.Report(entity=entity, project=project, title=name[:128], description=described, blocks=blocks, width="fluid")
    report.save()
    return str(report.url)


def _library(part: str) -> Any:
    import importlib

    try:
        return importlib.import_module(f"wandb_workspaces.{part}")
    except ModuleNotFoundError:
        raise UserError("a dashboard needs wandb-workspaces: type `pip install 'xstilts[dashboard]'`") from None


@entry_point()
def main(words: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="xstilts dashboard", description="A workspace and a report in W&B for a study.")
    parser.add_argument("study", type=Path, help="folder of the study, for instance outputs/default, or its name")
    parser.add_argument("--entity", required=True, help="user or team in W&B")
    parser.add_argument("--project", default=LoggerConfig().project, help="project in W&B, as in logger.project (%(default)s)")
    given = parser.parse_args(words)
    study = given.study if given.study.is_dir() else Path("outputs") / given.study
    workspace, report = make(study, given.entity, given.project)
    sys.stdout.write(f"workspace: {workspace}\nreport: {report}\n")


if __name__ == "__main__":
    main()
