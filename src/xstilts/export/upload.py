"""Upload a trained artifact to the Hugging Face Hub: private unless the user says otherwise, never with paths of this machine."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts.errors import UserError, combined
from xstilts.paths import DONE, METADATA, NOTES
from xstilts.sources.hub import NAME, offline, refused
from xstilts.sources.hub_answers import watch_answers
from xstilts.sources.retry import network_fault, persistently
from xstilts.store.artifacts import is_done, listed_files, read_metadata, verify

_PATH = re.compile(r"(?<![\w.:/>-])(?:/[\w.+@-]+){2,}|\b[A-Za-z]:\\+[\w.\\-]+")
"""An absolute path; not what follows the host in an address."""
_WORDS = ("tokenizer.json", "vocab.json")
"""Files of a vocabulary, in which every text may occur."""
_ADDED_BY_THE_HUB = ".gitattributes"


@dataclass(frozen=True)
class Upload:
    """An artifact that may be uploaded, and where to."""

    folder: Path
    repository: str
    """OWNER/NAME."""
    public: bool
    exists: bool
    files: tuple[str, ...]
    stale: tuple[str, ...]
    """Files of the repository that the upload removes."""

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum((self.folder / name).stat().st_size for name in self.files)


def prepare(folder: Path, repository: str, public: bool = False, replace: bool = False) -> Upload:
    """Check everything before the first byte is sent.

    `public`: whether the repository is, or is made, visible to everybody; an existing one of the other kind is refused.
    `replace`: allow a repository with other files than an earlier upload of the same artifact, and remove these. Raises
    UserError for a folder that is no intact artifact, an absolute path in its texts, a wrong name, a missing token, and for what
    the Hub refuses.
    """
    if not is_done(folder):
        raise UserError(f"{folder} is no finished artifact: name a folder such as store/trained/FINGERPRINT")
    if not NAME.fullmatch(repository):
        raise UserError(f"got '{repository}', expected the repository's owner and name: OWNER/NAME")
    verify(folder)
    files = tuple(sorted({*listed_files(folder), DONE, *(name for name in NOTES if (folder / name).is_file())}))
    if found := [line for name in files for line in _paths(folder, name)]:
        raise combined(found)
    api, what = _client(), f"model {repository}"
    info = _ask(lambda: _existing(api, repository), what)
    there = [] if info is None else [item.rfilename for item in info.siblings or [] if item.rfilename != _ADDED_BY_THE_HUB]
    if info is not None and bool(info.private) == public:
        now, other = ("private", "leave out --public") if public else ("public", "type --public")
        raise UserError(f"{what} exists and is {now}: {other}, or change it in the repository's settings")
    if there and not replace and _fingerprint(api, repository, there, what) != read_metadata(folder).get("fingerprint"):
        raise UserError(f"{what} has other files, such as {there[0]}: name another repository, or type --replace to remove them")
    return Upload(folder, repository, public, info is not None, files, tuple(name for name in there if name not in files))


def upload(prepared: Upload) -> str:
    """Create the repository if need be, and commit all files at once; returns its address. UserError for what the Hub refuses."""
    api, what = _client(), f"model {prepared.repository}"
    created = _ask(lambda: api.create_repo(prepared.repository, private=not prepared.public, exist_ok=prepared.exists), what)
    try:
        api.upload_folder(
            repo_id=prepared.repository,
            folder_path=prepared.folder,
            allow_patterns=list(prepared.files),
            delete_patterns=list(prepared.stale) or None,
            commit_message=f"{read_metadata(prepared.folder).get('label', 'artifact')}, by xstilts",
        )
    except Exception as error:
        cause = error.__cause__ if isinstance(error, RuntimeError) and isinstance(error.__cause__, Exception) else error
        if fault := network_fault(cause):
            raise UserError(f"{what}: {fault}; run the same command again, which sends only what is missing") from error
        failure = refused(cause, what)
        if failure is cause:
            raise
        raise failure from error
    return str(created)


def _client() -> Any:
    from huggingface_hub import HfApi, get_token

    if offline():
        raise UserError("HF_HUB_OFFLINE=1 forbids the network: unset it to upload")
    if not get_token():
        raise UserError("no token for the Hub: type `hf auth login`, or set HF_TOKEN to one that may write")
    watch_answers()
    return HfApi()


def _ask(action: Any, what: str) -> Any:
    try:
        return persistently(action, what)
    except UserError:
        raise
    except Exception as error:
        failure = refused(error, what)
        raise failure from None if failure is error else error


def _existing(api: Any, repository: str) -> Any:
    """Return the Hub's description of the repository; None if it does not exist, or is another's private one."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        return api.model_info(repository, timeout=60)
    except GatedRepoError:
        raise
    except RepositoryNotFoundError:
        return None


def _fingerprint(api: Any, repository: str, there: list[str], what: str) -> str | None:
    """The fingerprint of the artifact that the repository has; None if it has none."""
    if METADATA not in there:
        return None
    local = _ask(lambda: api.hf_hub_download(repository, METADATA), what)
    try:
        found = json.loads(Path(local).read_bytes())
    except ValueError:
        return None
    return found.get("fingerprint") if isinstance(found, dict) else None


def _paths(folder: Path, name: str) -> list[str]:
    """A line for each absolute path in a text file."""
    if Path(name).suffix not in (".json", ".md", ".txt") or Path(name).name in _WORDS:
        return []
    found = dict.fromkeys(_PATH.findall((folder / name).read_text(encoding="utf-8")))
    return [f"{folder / name} has the path {path} of this machine: remove it, then run again" for path in found]
