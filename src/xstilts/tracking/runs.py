"""Runs in W&B: one per training phase and evaluation, on the first process only. The only file that knows wandb.

Nothing that W&B does or fails to do stops a training. A run is online where somebody is logged in and the server answers, else
offline, and one line says so and how to upload it. An error is reported once, in one line, and the training goes on.
"""

import json
import logging
import netrc
import os
import re
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from pytorch_lightning.utilities import rank_zero_only

from xstilts.config import LoggerConfig
from xstilts.errors import UserError
from xstilts.paths import METADATA, wandb_history
from xstilts.tracking.history import STEP, History
from xstilts.tracking.identity import RunIdentity

log = logging.getLogger("xstilts")

LOG_IN = "type `wandb login`, or set WANDB_API_KEY"
INIT_SECONDS, FINISH_SECONDS, ANSWER_SECONDS = 15.0, 20.0, 5.0
"""Seconds that a run waits for W&B at its start and end (WANDB_INIT_TIMEOUT, WANDB_FINISH_TIMEOUT), and for any answer at all."""


class TrackedRun:
    """A run, or nothing at all: without W&B, and in every process but the first, no method does anything."""

    def __init__(self, run: Any = None, history: History | None = None) -> None:
        self._run, self._history, self._told = run, history, False

    def log(self, values: Mapping[str, Any], step: int) -> None:
        """Values at a step of training; what an earlier attempt has logged is not logged again."""
        row = {**values, STEP: step}
        self._do("log", lambda run: run.log(row) if self._history is None or self._history.add(row) else None)

    def summary(self, values: Mapping[str, Any]) -> None:
        """Values for the run's line in the table of runs."""
        self._do("write the summary", lambda run: run.summary.update(dict(values)))

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table of texts, numbers and None."""
        self._do(f"log the table {name}", lambda run: run.log({name: _table(columns, rows)}))

    def bars(self, name: str, label: str, value: str, rows: Sequence[tuple[str, float]]) -> None:
        """A bar chart, a bar for each (label, value)."""
        self._do(f"log the chart {name}", lambda run: run.log({name: _bars(name, label, value, rows)}))

    def made(self, artifact: str) -> None:
        """Report that the run made the artifact in this folder. W&B gets its place; no weights are uploaded."""
        self._do("name the artifact", lambda run: _tell(run, Path(artifact), aliases=["latest"]))

    def used(self, artifact: str | None) -> None:
        """The run started from the artifact in this folder."""
        if artifact is not None:
            use = {"is_user_created": True, "use_after_commit": True}
            self._do("name the artifact before", lambda run: _tell(run, Path(artifact), aliases=[], **use))

    def finish(self, failed: bool = False) -> None:
        """Send the remaining data, for a limited time; data that is not sent stays on this disk."""
        self._do("finish", lambda run: _finish(run, failed))
        if self._history and not failed:
            self._history.forget()
        self._run = None

    def _do(self, purpose: str, action: Callable[[Any], object]) -> None:
        if self._run is None:
            return
        try:
            action(self._run)
        except Exception as error:
            if not self._told:
                log.warning(f"W&B could not {purpose}, all else goes on: {_one_line(error)}")
            self._told = True


@contextmanager
def tracked(
    config: LoggerConfig, identity: RunIdentity, values: Mapping[str, Any], resumed: bool = False
) -> Iterator[TrackedRun]:
    """The W&B run of a phase while it lasts; does nothing for other loggers.

    `values`: the settings of the phase, which become the run's config. `resumed`: training goes on from a checkpoint.
    UserError where `logger.offline=false` and nobody is logged in.
    """
    if config.name != "wandb" or vars(rank_zero_only).get("rank"):
        yield TrackedRun()
        return
    run = _started(config, identity, values, resumed)
    try:
        yield run
    except BaseException:
        run.finish(failed=True)
        raise
    run.finish()


def logged_in() -> bool:
    """Return whether this machine has a key for the server that W&B is set to."""
    settings = _settings()
    if os.environ.get("WANDB_API_KEY") or settings.api_key or settings.identity_token_file:
        return True
    files = [os.environ["NETRC"]] if "NETRC" in os.environ else ["~/.netrc", "~/_netrc"]
    for file in files:
        try:
            if netrc.netrc(os.path.expanduser(file)).authenticators(urlparse(settings.base_url).hostname or ""):
                return True
        except (OSError, netrc.NetrcParseError):
            continue
    return False


def problem_with_server() -> str:
    """Return why the server does not answer; empty where it does."""
    return _unreachable(_settings().base_url)


def artifact_name(label: str, fingerprint: str) -> str:
    """An artifact's name in W&B, such as `phase-2-mnli-5f0c9a3e`."""
    return f"{re.sub(r'[^a-zA-Z0-9_.-]+', '-', label)[:100]}-{fingerprint[:8]}"


def _started(config: LoggerConfig, identity: RunIdentity, values: Mapping[str, Any], resumed: bool) -> TrackedRun:
    import wandb  # takes a second, which only those wait for who use it

    folder = Path(identity.folder)
    mode, reason = _mode(config)
    history = History(wandb_history(folder, identity.id)) if identity.job_type.startswith("phase") else None
    resume = "allow" if resumed or (history and history.rows) else None
    words: dict[str, Any] = {
        "project": config.project,
        "entity": config.entity,
        "id": identity.id,
        "group": identity.group,
        "job_type": identity.job_type,
        "name": identity.name,
        "tags": identity.tags,
        "config": {**identity.config, **values},
        "dir": str(folder),
        "reinit": "create_new",
    }
    run = None
    folder.mkdir(parents=True, exist_ok=True)
    if mode == "online":
        try:
            run = wandb.init(**words | {"mode": mode, "resume": resume}, settings=_settings())
            log.info(f"{identity.name}: {run.url}")
        except Exception as error:
            mode, reason = "offline", f"W&B refuses or does not answer ({_one_line(error)})"
            wandb.teardown()
    if run is None:
        earlier = list((folder / "wandb").glob(f"offline-run-*-{identity.id}*"))
        try:
            run = wandb.init(**words | {"mode": mode}, settings=_settings())
        except Exception as error:
            log.warning(f"no W&B run, all else goes on: {_one_line(error)}")
            return TrackedRun()
        if mode == "offline":
            log.info(f"W&B is offline: {reason}; upload with: wandb sync {Path(run.dir).parent}")
        if resume and history and history.rows:
            for one in earlier:  # all that they know of the training is in this one
                one.rename(one.with_name(f"superseded-{one.name}"))
    return _carried_on(TrackedRun(run, history), run, history)


def _carried_on(tracked: TrackedRun, run: Any, history: History | None) -> TrackedRun:
    """Curves against the step of training, beginning with what the server does not have of earlier attempts."""

    def begin(run: Any) -> None:
        if history is None:
            return
        run.define_metric(STEP)
        run.define_metric("*", step_metric=STEP, step_sync=True)
        arrived = run.summary.get(STEP, -1)
        for row in history.rows:
            if row[STEP] > arrived:
                run.log(row)

    tracked._do("carry on its curves", begin)
    return tracked


def _mode(config: LoggerConfig) -> tuple[str, str]:
    """online, offline or disabled, and the reason for offline."""
    asked = os.environ.get("WANDB_MODE", "")
    if config.offline:
        return "offline", "logger.offline=true"
    if config.offline is None and asked == "disabled":
        return "disabled", ""
    if config.offline is None and asked in ("offline", "dryrun"):
        return "offline", f"WANDB_MODE={asked}"
    if not logged_in():
        if config.offline is False:
            raise UserError(f"logger.offline=false, but nobody is logged in to W&B: {LOG_IN}, or leave out logger.offline")
        return "offline", f"nobody is logged in ({LOG_IN})"
    server = _settings().base_url
    if problem := _unreachable(server):
        return "offline", f"{server} cannot be reached ({problem})"
    return "online", ""


def _unreachable(server: str) -> str:
    """Return why nothing answers, in seconds, where wandb itself would try for much longer; empty where something does."""
    try:
        with urllib.request.urlopen(server, timeout=ANSWER_SECONDS):
            return ""
    except urllib.error.HTTPError:
        return ""
    except (urllib.error.URLError, OSError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        return _one_line(reason) if isinstance(reason, (ConnectionError, TimeoutError, socket.gaierror)) else ""


def _settings() -> Any:
    """wandb's settings as the environment and its files say, with our limits; it writes nothing of its own."""
    import wandb

    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # wandb's statistics about its use
    found = wandb.setup(wandb.Settings(silent=True)).settings.model_copy()
    found.init_timeout = float(os.environ.get("WANDB_INIT_TIMEOUT", INIT_SECONDS))
    found.finish_timeout = float(os.environ.get("WANDB_FINISH_TIMEOUT", FINISH_SECONDS))
    found.finish_timeout_raises = True
    found.symlink = False  # `latest-run` of many processes in one folder
    if sys.stderr.isatty():
        found.console = "off"  # a bar that is drawn over and over is no log
    return found


def _finish(run: Any, failed: bool) -> None:
    import wandb

    try:
        run.finish(exit_code=1 if failed else 0)
    except TimeoutError:
        log.warning(f"W&B did not take all in time; upload with: wandb sync --include-online {Path(run.dir).parent}")
    finally:
        wandb.teardown()  # only then is everything on this disk


def _bars(title: str, label: str, value: str, rows: Sequence[tuple[str, float]]) -> Any:
    import wandb

    return wandb.plot.bar(_table([label, value], rows), label, value, title=title)


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Any:
    import wandb

    return wandb.Table(columns=list(columns), data=[list(row) for row in rows], allow_mixed_types=True)


def _tell(run: Any, artifact: Path, **how: Any) -> None:
    # What `log_artifact` and `use_artifact` do in the end. They themselves wait for the server, without end if it is gone, keep
    # nothing for a later upload, and `use_artifact` refuses to work offline. There is no public way that returns at once.
    reference = _reference(artifact)
    reference.finalize()
    run._interface.publish_artifact(run, reference, **how)


def _reference(folder: Path) -> Any:
    """The artifact by the place and names of its files: the same for the run that made it and all that use it."""
    import wandb

    metadata = json.loads((folder / METADATA).read_text(encoding="utf-8"))
    shown = {name: metadata[name] for name in ("label", "steps", "selected_step") if name in metadata}
    name = artifact_name(metadata["label"], folder.name)
    artifact = wandb.Artifact(name, type="model", metadata={"fingerprint": folder.name, **shown})
    artifact.add_reference(folder.absolute().as_uri(), checksum=False)
    return artifact


def _one_line(error: object) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
