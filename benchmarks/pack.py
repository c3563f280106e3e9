"""One file with all that a study reads, to run it on another machine: the encoder, cut to the study's tokens, and the data files.

    python -m benchmarks.pack FILE [--bits 16|8|4] OVERRIDES ...     FILE is a .tar.gz; as after `xstilts plan`
    python -m benchmarks.pack FILE --open FOLDER                     prints the options with which the study runs there

The encoder loses the word embeddings, and its tokenizer the pieces, of tokens that none of the study's texts has. Texts have the
same tokens as before, and so the same hidden states. Masked language modelling alone is another: it draws random tokens. The
tokenizer must be SentencePiece's unigram model with a tokenizer.json, as XLM-R's is.
"""

import argparse
import json
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from xstilts import api
from xstilts.cell.phases import CellPlan
from xstilts.data.batches import TaskFeatures
from xstilts.data.featurizers.special import special_tokens
from xstilts.data.tokenizer import load_tokenizer
from xstilts.encoders import is_tokenizer_file
from xstilts.errors import UserError
from xstilts.jobs import TrainingData, TrainingJob
from xstilts.models.encoder import load_backbone
from xstilts.sources import TaskSource, languages_with_data, locate
from xstilts.sources.files import roots_of
from xstilts.sources.splits import DataSplit
from xstilts.tasks.declaration import Limits
from xstilts.training.features import evaluation_features, training_features

BLOCK = 32
"""Weights that share a scale."""
WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class Reading:
    """One reading of a task by a phase."""

    source: TaskSource
    splits: list[DataSplit]
    limits: Limits
    training: TrainingData | None = None
    """None: it is evaluated."""
    first: int | None = None
    """So many examples of each language are evaluated; None: all."""

    def features(self, tokenizer: Any) -> TaskFeatures:
        """The features that the phase makes of it; of a data map, those of all examples."""
        if self.training:
            made = training_features(replace(self.training, map=None), tokenizer)
        else:
            made = evaluation_features(self.source, self.splits, self.first, tokenizer, self.limits)
        special = special_tokens(tokenizer, 0.15, masks=False)
        return TaskFeatures(self.source.task.name, self.source.task, made.examples, made.features, special, self.limits)


def readings(plans: Iterable[CellPlan]) -> list[Reading]:
    """All that the cells read, each once."""
    found: dict[str, Reading] = {}
    for plan in plans:
        jobs = (phase.job for phase in plan.artifacts if isinstance(phase.job, TrainingJob))
        parts = [data for job in jobs for data in job.tasks.values()]
        evaluation = plan.evaluation
        for reading in (
            *(Reading(part.source, [part.train], part.limits, part) for part in parts),
            *(Reading(part.source, [part.validation], part.limits) for part in parts if part.validation),
            Reading(
                evaluation.source,
                _with_data(evaluation.source, evaluation.splits),
                evaluation.limits,
                first=evaluation.max_test_examples,
            ),
        ):
            found.setdefault(repr(reading), reading)
    return list(found.values())


def _with_data(source: TaskSource, splits: list[DataSplit]) -> list[DataSplit]:
    """The splits in the languages that have data: a plan leaves in those that might be downloaded."""
    there = {split.name: languages_with_data(source, split.name) for split in splits}
    found = [replace(split, languages=[name for name in split.languages if name in there[split.name]]) for split in splits]
    return [split for split in found if split.languages]


def tokens_of(plans: Iterable[CellPlan], tokenizer: Any, vocabulary: int) -> np.ndarray:
    """The ids, rising, of all tokens that the cells read, special ones included."""
    found = np.zeros(vocabulary, dtype=bool)
    for reading in readings(plans):
        found |= reading.features(tokenizer).occurring(vocabulary)
    return np.flatnonzero(found)


def cut_encoder(encoder: Path, tokens: np.ndarray, folder: Path) -> None:
    """Write the encoder with these tokens alone, and those that its tokenizer needs, to a new folder."""
    backbone = load_backbone(str(encoder), "sdpa")
    document = json.loads((encoder / "tokenizer.json").read_text(encoding="utf-8"))
    model, added = document["model"], document["added_tokens"]
    if model["type"] != "Unigram":
        raise UserError(f"{encoder}/tokenizer.json: got the model {model['type']}, expected Unigram, as XLM-R has")
    scores = [score for _, score in model["vocab"]]
    # What a character without a piece costs depends on the lowest score of all.
    kept = sorted({*tokens.tolist(), model["unk_id"], int(np.argmin(scores)), *(token["id"] for token in added)})
    new = {old: place for place, old in enumerate(kept)}
    model["vocab"] = [model["vocab"][old] for old in kept if old < len(scores)]
    model["unk_id"] = new[model["unk_id"]]
    for token in added:
        token["id"] = new[token["id"]]
    for special in ((document.get("post_processor") or {}).get("special_tokens") or {}).values():
        special["ids"] = [new[old] for old in special["ids"]]
    config, words = backbone.config, backbone.get_input_embeddings()
    padding = None if words.padding_idx is None else new[words.padding_idx]
    backbone.set_input_embeddings(nn.Embedding.from_pretrained(words.weight.detach()[kept].clone(), padding_idx=padding))
    config.vocab_size = len(kept)
    for name in ("pad_token_id", "bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id", "mask_token_id"):
        if (old := getattr(config, name, None)) in new:
            setattr(config, name, new[old])
    backbone.save_pretrained(folder)
    for file in encoder.iterdir():
        if is_tokenizer_file(file.name) and file.suffix == ".json":
            shutil.copy(file, folder)
    (folder / "tokenizer.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")


def quantised(name: str, weight: Tensor, bits: int) -> dict[str, Tensor]:
    """The weight's integers in blocks of 32 with a scale each, float16; in 16 bits, as bfloat16.

    As Q4_0 of ggml (ggml-quants.c): the number furthest from 0 becomes the lowest integer. Weights that were rounded so before
    come back to the bit. Vectors and embeddings other than words', which take little room, stay as they are.
    """
    if bits == 16:
        return {"values": weight.bfloat16()}
    few = weight.ndim < 2 or weight.shape[-1] % BLOCK
    if few or ("embeddings" in name and "word_embeddings" not in name):
        return {"values": weight}
    blocks = weight.reshape(-1, BLOCK)
    least = -(2 ** (bits - 1))
    scale = (blocks.gather(1, blocks.abs().argmax(1, keepdim=True)) / least).half()
    whole = torch.where(scale == 0, 0, blocks / scale.float()).round().clamp(least, -least - 1)
    return {"values": whole.to(torch.int8).reshape(weight.shape), "scale": scale}


def restored(values: Tensor, scale: Tensor | None = None) -> Tensor:
    """The weight in float32."""
    return values.float() if scale is None else (values.reshape(-1, BLOCK).float() * scale.float()).reshape(values.shape)


def pack(file: Path, bits: int, overrides: list[str]) -> None:
    """Write the pack of a study. UserError where one of its cells cannot be planned or reads what is in no folder."""
    planned = api.plan(*overrides)
    if planned.problems:
        raise UserError("\n".join(planned.problems))
    plans = [cell.plan for cell in planned.cells if cell.plan]
    config = plans[0].config
    if not config.model.name_or_path or not Path(config.model.name_or_path).is_dir():
        raise UserError(f"model.name_or_path={config.model.name_or_path}: expected the folder of an encoder")
    roots, encoder = roots_of(config.data), Path(config.model.name_or_path)
    files = {
        path: f"data/{number}/{path.relative_to(root)}"
        for reading in readings(plans)
        for split in reading.splits
        for language in split.languages
        for path in locate(reading.source, split.name, language).values()
        for number, root in enumerate(roots)
        if path.is_relative_to(root)
    }
    tokenizer = load_tokenizer(str(encoder))
    tokens = tokens_of(plans, tokenizer, len(tokenizer))
    with tempfile.TemporaryDirectory() as scratch, tarfile.open(file, "w:gz", compresslevel=6) as archive:
        folder = Path(scratch, "encoder")
        cut_encoder(encoder, tokens, folder)
        weights = load_file(folder / WEIGHTS)
        parts = {f"{kind}:{name}": part for name, value in weights.items() for kind, part in quantised(name, value, bits).items()}
        save_file({name: part.contiguous() for name, part in parts.items()}, folder / WEIGHTS)
        archive.add(folder, "encoder")
        for path, name in sorted(files.items()):
            archive.add(path, name)
    sys.stderr.write(
        f"{file}: {file.stat().st_size / 1e6:.1f} MB; {len(tokens):,} of {len(tokenizer):,} tokens, {len(files)} data files, "
        f"{len(plans)} cells\n"
    )


def unpack(file: Path, folder: Path) -> list[str]:
    """Unpack into a folder; returns the options with which the study's cells find it."""
    folder = folder.absolute()
    with tarfile.open(file) as archive:
        archive.extractall(folder, filter="data")
    parts = load_file(folder / "encoder" / WEIGHTS)
    names = [name.removeprefix("values:") for name in parts if name.startswith("values:")]
    weights = {name: restored(parts[f"values:{name}"], parts.get(f"scale:{name}")) for name in names}
    save_file(weights, folder / "encoder" / WEIGHTS, metadata={"format": "pt"})
    first, *others = sorted((folder / "data").iterdir(), key=lambda root: int(root.name))
    return [
        f"model.name_or_path={folder / 'encoder'}",
        "data=xtreme",
        f"data.root={first}",
        f"data.extra_roots=[{','.join(map(str, others))}]",
    ]


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pack", description="All that a study reads, in one file.")
    parser.add_argument("file", type=Path, help="the pack, a .tar.gz")
    parser.add_argument("overrides", nargs="*", help="the study, as after `xstilts plan`")
    parser.add_argument("--bits", type=int, choices=(16, 8, 4), default=16, help="of a weight; 16 is bfloat16")
    parser.add_argument("--open", type=Path, metavar="FOLDER", help="unpack it there")
    asked = parser.parse_intermixed_args()
    try:
        if asked.open:
            sys.stdout.write("\n".join(unpack(asked.file, asked.open)) + "\n")
        else:
            pack(asked.file, asked.bits, asked.overrides)
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
