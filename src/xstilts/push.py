"""python -m xstilts.push: upload a trained artifact to the Hugging Face Hub, where transformers loads it by its name.

The repository is private unless `--public` is typed. `xstilts.export.upload` says what is checked before anything is sent.
"""

import argparse
import sys
from pathlib import Path

from xstilts.export.upload import prepare, upload
from xstilts.launch.entry import entry_point
from xstilts.numbering import counted


@entry_point()
def main(words: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="xstilts push", description="Upload a trained artifact to the Hugging Face Hub.")
    parser.add_argument("artifact", type=Path, help="folder of the artifact, for instance store/trained/FINGERPRINT")
    parser.add_argument("repository", help="OWNER/NAME on the Hub")
    parser.add_argument("--public", action="store_true", help="let everybody see it; private without")
    parser.add_argument("--replace", action="store_true", help="remove what else the repository has")
    parser.add_argument("--dry-run", action="store_true", help="check and show everything, and send nothing")
    given = parser.parse_args(words)
    found = prepare(given.artifact, given.repository, given.public, given.replace)
    kind = f"{'public' if found.public else 'private'}, {'exists' if found.exists else 'new'}"
    sys.stdout.write(f"{found.repository} ({kind}): {counted(len(found.files), 'file')}, {found.bytes / 1e6:,.1f} MB\n")
    for name in found.stale:
        sys.stdout.write(f"removes {name}\n")
    if given.dry_run:
        sys.stdout.write("".join(f"sends {name}\n" for name in found.files))
    else:
        sys.stdout.write(f"{upload(found)}\n")


if __name__ == "__main__":
    main()
