"""List and download files of Hugging Face Hub repositories at a commit, and verify them. No torch, no datasets.

Files are stored where huggingface_hub puts them (`$HF_HOME/hub`). Beside them, in the repository's folder `xstilts/`, is the list
of its files at each requested commit, with sizes and checksums. Without a network it shows which languages exist, whether all
parts of a split are downloaded, and whether they are intact. Offline and without such a list, files that other programs have left
in the cache are used (`xstilts.sources.hub_cache`).
"""

import contextlib
import hashlib
import json
import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from xstilts.errors import UserError
from xstilts.numbering import counted
from xstilts.sources import hub_cache
from xstilts.sources.hub_answers import WebPage, described, watch_answers
from xstilts.sources.hub_cache import COMMIT, Entry, repository_folder
from xstilts.sources.retry import Damaged, persistently

log = logging.getLogger("xstilts")

NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
AT_ONCE = 8
"""Number of parallel downloads."""
Checksum = Callable[[Path], str]
_asked: dict[tuple[str, ...], "Listing"] = {}


@dataclass(frozen=True)
class Listing:
    """All files of a repository at a commit."""

    kind: str
    """`dataset` or `model`."""
    repository: str
    commit: str
    files: dict[str, Entry]
    partial: bool = False
    """True if only files that other programs left in the cache are known; the repository may have more."""

    @property
    def folder(self) -> Path:
        """The folder in which huggingface_hub stores the files of this commit."""
        return repository_folder(self.kind, self.repository) / "snapshots" / self.commit

    def present(self, path: str) -> Path | None:
        """Return the local file if it exists with the announced size; else None."""
        local = self.folder / path
        return local if local.is_file() and local.stat().st_size == self.files[path].size else None


def offline() -> bool:
    """Return whether the network is forbidden (`HF_HUB_OFFLINE=1`)."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def stored_listing(kind: str, repository: str, revision: str | None) -> Listing | None:
    """Return the stored list of files of a revision; if there is none and we are offline, the files in the cache. No network."""
    folder = repository_folder(kind, repository) / "xstilts"
    commit = revision or "main"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        if not COMMIT.fullmatch(commit):
            commit = (folder / "revisions" / quote(commit, safe="")).read_text().strip()
        files = json.loads((folder / f"{commit}.json").read_bytes())
        return Listing(kind, repository, commit, {path: Entry(**entry) for path, entry in files.items()})
    if offline() and (cached := hub_cache.commit_of(kind, repository, revision)):
        return Listing(kind, repository, cached, hub_cache.files_of(kind, repository, cached), partial=True)
    return None


def listing(kind: str, repository: str, revision: str | None) -> Listing:
    """Return the files of a repository at a revision.

    A known commit needs no request. A branch needs one in each process; without a network its last known commit is used. Raises
    UserError for an unknown repository or revision, and if the network is needed but unavailable.
    """
    key = (str(repository_folder(kind, repository)), revision or "main")
    if key not in _asked:
        stored = stored_listing(kind, repository, revision)
        if stored is None or not (offline() or COMMIT.fullmatch(revision or "")):
            stored = _ask(kind, repository, revision, stored)
        if stored.partial:
            log.info(f"{_describe(kind, repository, revision)}: offline, using the files in {stored.folder}")
        _asked[key] = stored
    return _asked[key]


def _ask(kind: str, repository: str, revision: str | None, stored: Listing | None) -> Listing:
    from huggingface_hub import HfApi

    what = _describe(kind, repository, revision)
    if offline():
        have = hub_cache.commits_of(kind, repository)
        there = f", which has it at {_some(have)}" if have else ""
        raise UserError(f"{what} is not in the cache {repository_folder(kind, repository).parent}{there}{FETCH}")

    def ask() -> tuple[str, dict[str, Entry]]:
        watch_answers()
        return described(
            lambda: HfApi().repo_info(repository, repo_type=kind, revision=revision, files_metadata=True, timeout=60)
        )

    try:
        commit, files = persistently(ask, what)
    except Exception as error:
        failure = error if isinstance(error, UserError) else refused(error, what)
        if stored is None or not isinstance(error, UserError | WebPage):
            raise failure from None if failure is error else error
        log.warning(f"{failure}; going on with commit {stored.commit}, the last one known here")
        return stored
    listed = Listing(kind, repository, commit, files)
    _store(listed, revision)
    return listed


def _store(listed: Listing, revision: str | None) -> None:
    """Store the list of files for later use without a network; do nothing if the cache is read-only."""
    folder = repository_folder(listed.kind, listed.repository) / "xstilts"
    texts = {folder / f"{listed.commit}.json": json.dumps({path: asdict(entry) for path, entry in sorted(listed.files.items())})}
    if not COMMIT.fullmatch(revision or "main"):
        texts[folder / "revisions" / quote(revision or "main", safe="")] = listed.commit
    for path, text in texts.items():
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
            with os.fdopen(handle, "w") as file:
                file.write(text)
            Path(temporary).replace(path)


def download(listed: Listing, paths: Iterable[str], checksum: Checksum) -> list[Path]:
    """Download missing files, verify all against their announced checksums, and return the local paths, in order.

    `checksum` returns the SHA-256 of a file (it may be cached). Raises UserError if a file is unavailable or damaged.
    """
    wanted = list(paths)
    missing = [path for path in wanted if listed.present(path) is None]
    what = _describe(listed.kind, listed.repository, listed.commit)
    if missing and offline():
        raise UserError(
            f"{what}: {_some(missing)} not in the cache {repository_folder(listed.kind, listed.repository).parent}{FETCH}"
        )
    if missing:
        log.info(f"{what}: downloading {_some(missing)}, {sum(listed.files[path].size for path in missing) / 1e6:.1f} MB")
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        return list(pool.map(lambda path: _verified(listed, path, checksum, what), wanted))
    finally:
        pool.shutdown(cancel_futures=True)


def _verified(listed: Listing, path: str, checksum: Checksum, what: str) -> Path:
    def get() -> Path:
        local = listed.present(path) or _download(listed, path)
        problem = _problem(local, listed.files[path], checksum)
        if problem and offline():
            raise UserError(f"{local}: {problem}; delete the file{FETCH}")
        if problem:
            with contextlib.suppress(OSError):
                Path(os.path.realpath(local)).unlink()
            local.unlink(missing_ok=True)
            raise Damaged(problem)
        return local

    try:
        return persistently(get, f"{what}: {path}")
    except (UserError, KeyboardInterrupt):
        raise
    except Exception as error:
        failure = refused(error, f"{what}: {path}")
        raise failure from None if failure is error else error


def _download(listed: Listing, path: str) -> Path:
    from huggingface_hub import hf_hub_download

    watch_answers()
    return Path(hf_hub_download(listed.repository, path, repo_type=listed.kind, revision=listed.commit))


def _problem(local: Path, announced: Entry, checksum: Checksum) -> str | None:
    size = local.stat().st_size
    if size != announced.size:
        return f"got {counted(size, 'byte')}, expected {announced.size}"
    if announced.sha256 and (got := checksum(local)) != announced.sha256:
        return f"got sha256 {got}, expected {announced.sha256}"
    if announced.git and (got := _git_name(local)) != announced.git:
        return f"got content {got}, expected {announced.git}"
    return None


def _git_name(path: Path) -> str:
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


FETCH = ", and HF_HUB_OFFLINE=1 forbids the network: run `python -m xstilts.fetch` with the same options where there is one"


def refused(error: Exception, what: str) -> Exception:
    """Return a UserError for a request that the Hub refused; any other error unchanged."""
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return UserError(f"{what} is gated: accept its terms on its page, then `hf auth login`")
    if isinstance(error, errors.RepositoryNotFoundError):
        return UserError(f"{what} does not exist, or is private: check the name; for a private one, `hf auth login`")
    if isinstance(error, errors.RevisionNotFoundError):
        return UserError(f"{what}: no such revision; give a commit, a branch or a tag that the repository has")
    if isinstance(error, WebPage):
        return UserError(f"{what}: {error}")
    if isinstance(error, errors.LocalEntryNotFoundError):  # no answer of the Hub, and not in the cache
        return refused(error.__cause__, what) if isinstance(error.__cause__, Exception) else UserError(f"{what}: {error}")
    if isinstance(error, errors.EntryNotFoundError):
        return UserError(f"{what}: no such file in the repository")
    if isinstance(error, errors.OfflineModeIsEnabled):
        return UserError(f"{what} is not in the cache{FETCH}")
    if isinstance(error, errors.HfHubHTTPError | errors.HFValidationError | OSError):
        return UserError(f"{what}: {str(error).strip().splitlines()[0]}")
    return error


def _describe(kind: str, repository: str, revision: str | None) -> str:
    return f"{'data set' if kind == 'dataset' else kind} {repository} at revision {revision or 'main'}"


def _some(paths: list[str]) -> str:
    return ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
