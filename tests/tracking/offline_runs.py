"""Reads what wandb wrote of an offline run: a log of protobuf records in blocks of 32 KiB, as LevelDB has them.

A record is cut into chunks that never cross the end of a block; a chunk is crc32 (4 bytes), length (2), kind (1: whole, 2: first,
3: middle, 4: last) and the data.
"""

import json
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BLOCK, HEAD = 32768, 7


@dataclass
class OfflineRun:
    """An offline run, as W&B will show it once it is uploaded."""

    folder: Path
    id: str = ""
    project: str = ""
    group: str = ""
    job_type: str = ""
    name: str = ""
    tags: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    """Names of artifacts."""
    used: list[str] = field(default_factory=list)
    references: dict[str, list[str]] = field(default_factory=dict)
    """Artifact -> what it refers to."""
    x_axis: dict[str, str] = field(default_factory=dict)
    """Metric, or a pattern -> the metric it is drawn against."""
    exit_code: int | None = None

    def table(self, key: str) -> tuple[list[str], list[list[Any]]]:
        """Columns and rows of a logged table."""
        document = json.loads((self.folder / "files" / self.summary[f"{key}/path"]).read_text())
        return document["columns"], document["data"]

    def curve(self, key: str) -> list[tuple[int, float]]:
        """Step of training and value, in the order in which they were logged."""
        return [(row["trainer/global_step"], row[key]) for row in self.history if key in row]


def offline_runs(output: Path, kind: str = "offline-run") -> dict[str, OfflineRun]:
    """Name -> run, of all runs in the output folder of a study."""
    found = [read(path) for path in sorted((output / "wandb").glob(f"{kind}-*/run-*.wandb"))]
    assert len({run.name for run in found}) == len(found), [run.name for run in found]
    return {run.name: run for run in found}


def read(path: Path) -> OfflineRun:
    run = OfflineRun(path.parent)
    for record in records(path.read_bytes()):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            own = record.run
            run.id, run.project, run.group, run.job_type = own.run_id, own.project, own.run_group, own.job_type
            run.name, run.tags = own.display_name, list(own.tags)
            run.config |= items(own.config.update)
        elif kind == "config":
            run.config |= items(record.config.update)
        elif kind == "history":
            run.history.append(items(record.history.item))
        elif kind == "summary":
            run.summary |= items(record.summary.update)
        elif kind == "artifact":
            (run.used if record.artifact.use_after_commit else run.made).append(record.artifact.name)
            run.references[record.artifact.name] = [entry.ref for entry in record.artifact.manifest.contents]
        elif kind == "metric":
            run.x_axis[record.metric.name or record.metric.glob_name] = record.metric.step_metric
        elif kind == "exit":
            run.exit_code = record.exit.exit_code
    return run


def items(found: Iterable[Any]) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in found}


def records(data: bytes) -> Iterator[Any]:
    from wandb.proto import wandb_internal_pb2

    assert struct.unpack("<4sHB", data[:HEAD])[:2] == (b":W&B", 0xBEE1)
    place, parts = HEAD, b""
    while place + HEAD <= len(data):
        if (left := BLOCK - place % BLOCK) < HEAD:
            place += left
            continue
        crc, length, kind = struct.unpack("<IHB", data[place : place + HEAD])
        chunk = data[place + HEAD : place + HEAD + length]
        if (kind, length) == (0, 0) or len(chunk) < length:
            return  # padding, or the process was killed here
        assert zlib.crc32(chunk, zlib.crc32(bytes([kind]))) == crc
        place, parts = place + HEAD + length, parts + chunk
        if kind in (1, 4):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(parts)
            parts = b""
            yield record
