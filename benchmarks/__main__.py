"""`python -m benchmarks [--full] [GROUP ...]`: every group in a process of its own, then the table and the JSON.

A group is a module of this folder with `lines(full: bool) -> Iterator[Line]`. What is missing on this machine (a GPU, real data)
is said in a line `left out`, never passed over in silence.
"""

import argparse
import dataclasses
import datetime
import json
import os
import subprocess
import sys
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from benchmarks.table import markdown
from xstilts import __version__

GROUPS = ("training", "trimming", "evaluation", "preprocessing", "mining", "scale", "grid", "overheads", "reports", "gpu")
PACKAGES = ("torch", "transformers", "pytorch-lightning", "datasets", "tokenizers", "accelerate", "faiss-cpu")
HERE = Path(__file__).resolve().parent


def main() -> int:
    """Run what was asked for; non-zero if a group ended in an error."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Speed and memory against peers, as ratios.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"some of: {' '.join(GROUPS)}; none: all")
    parser.add_argument("--full", action="store_true", help="all sizes and five rounds or more; writes benchmarks/RESULTS.md")
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks"), help="folder of the JSON and the table")
    parser.add_argument("--encoder", help="folder of a real encoder, for further lines of training (or XSTILTS_TEST_ENCODER)")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    unknown = [group for group in asked.groups if group not in GROUPS]
    if unknown:
        parser.error(f"unknown group '{unknown[0]}': expected some of {' '.join(GROUPS)}")
    if asked.encoder:
        os.environ["XSTILTS_TEST_ENCODER"] = asked.encoder
    asked.out.mkdir(parents=True, exist_ok=True)
    if asked.inside:
        return _inside(asked.groups[0], asked.full, asked.out)
    failed = [group for group in asked.groups or GROUPS if _run(group, asked.full, asked.out)]
    _write(asked)
    for group in failed:
        sys.stderr.write(f"the group {group} ended in an error\n")
    return 1 if failed else 0


def _run(group: str, full: bool, out: Path) -> int:
    sys.stderr.write(f"== {group}\n")
    words = [sys.executable, "-m", "benchmarks", group, "--inside", "--out", str(out), *(["--full"] if full else [])]
    return subprocess.run(words, check=False).returncode


def _inside(group: str, full: bool, out: Path) -> int:
    lines: list[dict[str, Any]] = []
    for line in import_module(f"benchmarks.{group}").lines(full):
        lines.append(dataclasses.asdict(line))
        sys.stderr.write(markdown([lines[-1]], head=False) + "\n")
        # After every line: a long run that is cut off keeps what it has measured.
        told = {"group": group, "full": full, "when": datetime.date.today().isoformat(), "machine": machine(), "lines": lines}
        (out / f"{group}.json").write_text(json.dumps(told, indent=1) + "\n")
    return 0


def _write(asked: argparse.Namespace) -> None:
    """The table of all groups that were measured, now or before in this folder."""
    found = [json.loads(path.read_text()) for group in GROUPS if (path := asked.out / f"{group}.json").is_file()]
    versions = {"xstilts": __version__} | {name: metadata.version(name) for name in PACKAGES}
    page = markdown([line for group in found for line in group["lines"]])
    command = " ".join(["python -m benchmarks", *(["--full"] if asked.full else []), *asked.groups])
    head = [
        f"`{command}`, {datetime.date.today().isoformat()}.",
        f"Machine: {machine()}.",
        f"Versions: {', '.join(f'{name} {version}' for name, version in versions.items())}.",
    ]
    text = "\n".join(["# What was measured", "", *head, "", page, ""])
    (asked.out / "RESULTS.md").write_text(text)
    if asked.full and not asked.groups:
        (HERE / "RESULTS.md").write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    sys.exit(main())
