"""The model card of a trained artifact, its README.md: what it is, how it is loaded, and what is known of where it comes from.

`card` is a pure function of the artifact's metadata and of the scores that `scores.py` notes beside it, so the same artifact
has the same card wherever and whenever it is made. Names come from configs and data: whatever is in them stays text.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from xstilts.config import Mixture
from xstilts.export.licences import licence_fields, licence_notes
from xstilts.numbering import counted
from xstilts.reporting.numbers import fixed
from xstilts.reporting.views.markdown import code, details, one_line, table, text
from xstilts.tasks.declaration import Limits
from xstilts.tasks.formats import format_named, format_names

Artifact = Mapping[str, Any]
PAPER = "https://arxiv.org/abs/2005.13013"
PHASES = {
    "phase 1": "pretrained on text",
    "phase 2": "trained on intermediate tasks",
    "phase 3": "trained on a target task's training data",
}
SYNTHETIC = (
    "> It was trained in a synthetic world of made-up languages. Its scores show how things work, and are no evidence about real "
    "languages."
)
SUMMARY = "target,split,metric,source,its score,mean of the others,examples,intermediate,seed,study,result".split(",")
UNKNOWN = "not recorded"


def card(metadata: Artifact, scores: Mapping[str, Mapping[str, Any]]) -> str:
    """The card in Markdown, with the Hub's YAML on top.

    `metadata`: as in the artifact's metadata.json, what `phases.provenance` adds included; what is missing (an older artifact's)
    is shown as not recorded. `scores`: fingerprint of a result -> the value of `card_scores.scored` for it.
    """
    blocks = [
        f"---\n{_front_matter(metadata)}\n---",
        *_what_it_is(metadata),
        "## How to load it",
        *_loading(metadata),
        "## Data",
        _data(metadata),
        "## Recipe",
        _recipe(metadata),
        "## Lineage",
        _lineage(metadata),
        "## Scores",
        *_validation(metadata),
        *_scores(scores),
        "## Licence notes",
        *licence_notes(metadata),
        "## Versions",
        table(["package", "version"], [[code(name), code(found)] for name, found in metadata.get("versions", {}).items()]),
        "xstilts wrote this file from `metadata.json` and `scores.json` beside it, and writes it anew when scores come in: keep "
        "words of your own elsewhere, or in a copy.",
    ]
    return "\n\n".join(block.strip("\n") for block in blocks if block) + "\n"


def chain(metadata: Artifact) -> list[Artifact]:
    """The artifacts that it comes from, the first one first, and itself."""
    return [*metadata.get("lineage", []), metadata]


def is_synthetic(metadata: Artifact) -> bool:
    """Return whether any of its data was made by a synthetic world."""
    return any(used.get("world") is not None for one in chain(metadata) for used in one.get("data", {}).values())


def _front_matter(metadata: Artifact) -> str:
    from huggingface_hub import ModelCardData

    used = [item for one in chain(metadata) for item in one.get("data", {}).values()]
    real = [item for item in used if item.get("world") is None]
    languages = sorted({name for item in real for name in item["languages"] if re.fullmatch("[a-z]{2,3}", name)})
    base = str(metadata.get("encoder", {}).get("hub") or "")
    tasks = [one_line(name) for one in chain(metadata) for name in one.get("data", {})]
    tags = ["xstilts", "cross-lingual-transfer", "intermediate-task-training", *tasks]
    datasets = [str(item["hub"]) for item in real if item.get("hub") and _is_hub_id(item["hub"])]
    loaded = next((format_named(kind) for _, kind, ending in _heads(metadata) if ending is not None), None)
    fields: dict[str, Any] = {
        "language": ["multilingual", *languages] if base else languages or None,
        **licence_fields(metadata),
        "base_model": base if _is_hub_id(base) else None,
        "library_name": "transformers",
        "pipeline_tag": loaded.pipeline if loaded else "feature-extraction",
        "datasets": list(dict.fromkeys(datasets)) or None,
        "tags": tags + ["synthetic"] * is_synthetic(metadata),
    }
    return ModelCardData(**fields).to_yaml()


def _is_hub_id(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?", name, re.ASCII) is not None


def _what_it_is(metadata: Artifact) -> Iterator[str]:
    phase, _, tasks = str(metadata.get("label", "")).partition(": ")
    seed = metadata.get("identity", {}).get("seed", UNKNOWN)
    yield f"# {text(metadata.get('label', UNKNOWN))}, seed {text(seed)}"
    steps = [_encoder(metadata), *(f"{code(one['label'])}" for one in chain(metadata) if one.get("label"))]
    yield (
        f"An encoder, {PHASES.get(phase, 'trained')} ({code(tasks)}). xstilts made it, to study zero-shot cross-lingual transfer "
        f"with intermediate tasks, as [Phang et al. 2020]({PAPER}) do: {', then '.join(steps)}."
    )
    if is_synthetic(metadata):
        yield SYNTHETIC


def _encoder(metadata: Artifact) -> str:
    encoder = metadata.get("encoder") or {}
    tokenizer = f" with the tokenizer {_place(encoder['tokenizer'])}" if encoder.get("tokenizer") else ""
    return ("random weights" if encoder.get("random") else _place(encoder)) + tokenizer


def _place(place: Mapping[str, Any]) -> str:
    if place.get("hub"):
        return f"{code(place['hub'])} of the Hub" + (f" at {code(place['revision'])}" if place.get("revision") else "")
    if place.get("artifact"):
        return f"{code(place['artifact'])} ({text(place.get('label') or 'an artifact')})"
    return f"a folder called {code(place['folder'])}" if place.get("folder") else f"an encoder that is {UNKNOWN}"


def _heads(metadata: Artifact) -> Iterator[tuple[str, str, str | None]]:
    """Name and format of each head, and the end of its Hugging Face class; None where it is in heads.safetensors alone."""
    classes = list(metadata.get("hugging_face_classes", []))
    for name, kind in metadata.get("heads", {}).items():
        ending = format_named(kind).transformers if kind in format_names() else None
        found = bool(ending and classes and str(classes[0]).endswith(f"For{ending}"))
        yield name, kind, ending if found else None
        del classes[: int(found)]


def _loading(metadata: Artifact) -> Iterator[str]:
    heads = list(_heads(metadata))
    loaded = [(name, ending) for name, _, ending in heads if ending]
    auto = f"AutoModelFor{loaded[0][1]}" if loaded else "AutoModel"
    yield (
        f"```python\nfrom transformers import {auto}, AutoTokenizer\n\n"
        'folder = "."  # this folder, or its name on the Hub\n'
        "tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)\n"
        f"model = {auto}.from_pretrained(folder, trust_remote_code=False)\n```"
    )
    if loaded:
        yield "`AutoModel` loads the encoder without its head; a pooler that it does not have is random."
    if len(loaded) > 1:
        yield "Every head has a folder of its own, which shares the encoder's file: keep this folder whole."
        yield table(
            ["head", "class", "folder"], [[code(name), code(f"AutoModelFor{end}"), code(f"heads/{name}")] for name, end in loaded]
        )
    if rest := [f"{code(name)} ({code(kind)})" for name, kind, ending in heads if not ending]:
        yield (
            f"No class of transformers has the head {', '.join(rest)}: what weights it has are only in `heads.safetensors`, "
            "under `head.<name>.` (of a format that has a class for other encoders: the weights of XLM-R's class), those of a "
            "pooler under `pooler.layer.`."
        )
    if adapter := metadata.get("adapter"):
        yield from _adapter(adapter, metadata)


def _adapter(adapter: Mapping[str, Any], metadata: Artifact) -> Iterator[str]:
    """The encoder with its adapters beside it, in the place of the one that they are merged into."""
    base, hub, names = adapter.get("base"), (metadata.get("encoder") or {}).get("hub"), range(1, adapter.get("number", 1) + 1)
    below = next(
        (f"{code(one.get('label'))}, {code(base)}" for one in chain(metadata) if base and base == one.get("fingerprint")), None
    )
    loaded = str(hub) if base is None and hub and _is_hub_id(str(hub)) else "BASE"
    more = [f'encoder.load_adapter(folder, "{number}", subfolder="adapters/{number}")' for number in names[1:]]
    if more:
        more.append(f"encoder.base_model.set_adapter({json.dumps([str(number) for number in names])})")
    yield (
        f"This phase trained {adapter.get('trained', 0):,} weights of an adapter ({code(adapter.get('kind', UNKNOWN))}) beside "
        f"the {adapter.get('weights', 0):,} of the encoder, and its head. All is merged into the weights above. Without it, "
        f"peft reads {'the adapters' if more else 'the adapter'} alone, on the encoder below: {below or _encoder(metadata)}."
    )
    yield "\n".join(
        [
            "```python\nfrom peft import PeftModel\nfrom transformers import AutoModel\n",
            f'encoder = AutoModel.from_pretrained("{loaded}", trust_remote_code=False)',
            'encoder = PeftModel.from_pretrained(encoder, folder, "1", subfolder="adapters/1")',
            *more,
            "```",
        ]
    )


def _data(metadata: Artifact) -> str:
    rows = [
        [
            code(name),
            code(used.get("format", "")),
            text(" ".join(used.get("languages", []))),
            code(used.get("split", "")),
            _part(used),
            f"{used['examples']:,}" if used.get("examples") is not None else UNKNOWN,
            _origin(used),
            "made by xstilts" if used.get("world") is not None else text(used.get("licence") or "none stated"),
        ]
        for name, used in metadata.get("data", {}).items()
    ]
    header = ["task", "format", "languages", "split", "part of it", "training examples", "from", "licence"]
    return table(header, rows) or f"The tasks are in `metadata.json`; more is {UNKNOWN}."


def _part(used: Mapping[str, Any]) -> str:
    return ", ".join(code(f"{name}={value}") for name, value in used.get("part", {}).items())


def _origin(used: Mapping[str, Any]) -> str:
    if used.get("world") is not None:
        return f"the synthetic world of seed {text(used['world'])}"
    return _place(used) if used.get("hub") else f"files, the source {code(used.get('source', UNKNOWN))}"


def _recipe(metadata: Artifact) -> str:
    identity = metadata.get("identity", {})
    tasks = identity.get("tasks", {})
    values = dict(identity.get("hyperparameters", {}))
    for name, declared in tasks.items():
        of = f" of {name}" if len(tasks) > 1 else ""
        limits = asdict(Limits(**declared.get("limits", {})))
        format = declared.get("task", {}).get("format")
        shown = format_named(format).limits if format in format_names() else ("max_length",)
        values |= {f"{key}{of}": limits[key] for key in shown}
        values |= {f"mlm_probability{of}": declared.get("mlm_probability")}
    if len(tasks) > 1:
        values |= {f"mixture.{key}": value for key, value in asdict(Mixture(**identity.get("mixture", {}))).items()}
    values |= {key: identity.get(key) for key in ("pooler", "carry_head", "previous_adapter", "precision", "seed")}
    values |= {"steps": metadata.get("steps"), "selected step": metadata.get("selected_step")}
    return table(["setting", "value"], [[code(key), code(value)] for key, value in values.items() if value not in (None, {})])


def _lineage(metadata: Artifact) -> str:
    known = (metadata.get("encoder") or {}).get("fingerprint")
    lines = [f"1. phase 1: {_encoder(metadata)}" + (f": {code(known)}" if known else "")]
    for count, one in enumerate(chain(metadata), start=2):
        kept = ", with the head of the checkpoint" if "head" in (metadata.get("identity") or {}) else ""
        this = f" (this one{kept})" if one is metadata else ""
        lines.append(f"{count}. {text(one.get('label', UNKNOWN))}: {code(one.get('fingerprint') or UNKNOWN)}{this}")
    return "\n".join(lines)


def _validation(metadata: Artifact) -> Iterator[str]:
    history = metadata.get("validation") or []
    if not history:
        yield "No validation scores: it was not evaluated while it was trained."
        return
    columns = list(dict.fromkeys(key for row in history for key in row))
    rows = [[_value(row.get(key)) for key in columns] for row in history]
    yield f"On validation examples while it was trained (step {text(metadata.get('selected_step', UNKNOWN))} was taken):"
    yield from details("scores by step", table([code(key) for key in columns], rows))


def _scores(scores: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    if not scores:
        yield "No scores on targets yet: xstilts adds them when it evaluates this artifact."
        return
    found = sorted(scores.items(), key=lambda item: (*(str(item[1]["cell"].get(key)) for key in ("target", "study")), item[0]))
    yield "On target tasks, zero-shot in all languages but the source language; the main metric of each:"
    yield table(SUMMARY, [_summary(key, one) for key, one in found])
    if any(one.get("synthetic") for _, one in found):
        yield "Scores in a synthetic world are no evidence about real languages."
    for _, one in found:
        for warning in one.get("degenerate", []):
            yield f"Not to be trusted, {code(one['cell'].get('target'))}: {text(warning)}."
    for key, one in found:
        rows = [[code(name), _value(row["value"]), f"{row['examples']:,}"] for name, row in one["languages"].items()]
        title = f"{one['cell'].get('target')}, {one['split']}, {one['metric']}: {counted(len(rows), 'language')} ({key[:8]})"
        yield from details(title, table(["language", "score", "examples"], rows))


def _summary(key: str, one: Mapping[str, Any]) -> list[str]:
    cell, most = one["cell"], one.get("max_test_examples")
    variant = "" if one.get("layer") is None else f", layer {one['layer']}, {one['pooling']}"
    intermediate = cell.get("intermediate") or "none"
    return [
        code(cell.get("target", UNKNOWN)),
        text(one["split"]),
        code(f"{one['metric']}{variant}"),
        code(one["source_language"]),
        _value(one["source"]),
        _value(one["others"]),
        f"limited: the first {most:,} of a language" if most else "all",
        code(intermediate if isinstance(intermediate, str) else "+".join(intermediate)),
        text(cell.get("seed", UNKNOWN)),
        code(cell.get("study", UNKNOWN)),
        code(key[:8]),
    ]


def _value(value: Any) -> str:
    if value is None:
        return "-"
    return fixed(value) if isinstance(value, float) else text(value)
