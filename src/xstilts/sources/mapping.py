"""Raw row -> example of a format, through a source's `columns` and `labels`.

`columns` says where a field comes from; a field that is not named there comes from the raw field of its own name. Forms:
`answerKey`, a column; `ctx|context`, the first of several that the row has; `question.choices.text`, a path into objects (a list
on the way is mapped over); `[choice1, choice2]`, a list of those; `"{context} {question}"`, a text with them in braces.
`labels` renames classes, tags and choices; the empty string stands for "no gold". Option `no_gold` lists splits whose labels may
be placeholders: if all labels of a file are the same there, it has no gold (XCOPA's tests, all 0 in XTREME's form).
"""

import re
from typing import Any

from datasets import Features, List, Value

from xstilts.errors import UserError
from xstilts.sources.raw import Row
from xstilts.tasks.declaration import Source

_GOLD = ("label", "tags", "answers", "relevant")
_NULLABLE = (*_GOLD, "text_b", "context", "translation")
_ABSENT = object()
_IN_BRACES = re.compile(r"\{([^{}]+)\}")


def gold_field(features: Features) -> str | None:
    """The field of a format's schema that holds the gold; None for mlm."""
    return next((name for name in _GOLD if name in features), None)


def _step(value: Any, key: str) -> Any:
    if isinstance(value, list):
        items = [_step(item, key) for item in value]
        return _ABSENT if _ABSENT in items else items
    return value.get(key, _ABSENT) if isinstance(value, dict) else _ABSENT


def _path(fields: dict[str, Any], path: str) -> Any:
    if path in fields:  # by far the most frequent case
        return fields[path]
    for alternative in path.split("|"):
        value: Any = fields
        for key in [alternative] if alternative in fields else alternative.split("."):
            value = _step(value, key)
        if value is not _ABSENT:
            return value
    return _ABSENT


def pick(fields: dict[str, Any], column: Any, where: str) -> Any:
    """The raw value that `column` names; None where a single column is absent. UserError for a missing part of a text or list."""
    if isinstance(column, list):
        return [_part(fields, item, where) for item in column]
    if "{" in column and _IN_BRACES.search(column):
        return _IN_BRACES.sub(lambda match: _text(_part(fields, match[1], where)), column)
    value = _path(fields, column)
    return None if value is _ABSENT else value


def _part(fields: dict[str, Any], column: str, where: str) -> Any:
    value = _path(fields, column)
    if value is _ABSENT or value is None:
        raise UserError(f"{where}: no column '{column}'; the row has {', '.join(fields)}")
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _convert(value: Any, feature: Any, labels: dict[str, str], where: str) -> Any:
    """`value` in the type of the schema's field; `labels` is empty for fields that are no label."""
    if value is None:
        return None
    if isinstance(feature, List) and isinstance(feature.feature, Value):
        if not isinstance(value, list) or any(item is None for item in value):
            raise UserError(f"{where}: got {value!r}, expected a list of texts")
        return [labels.get(_text(item), _text(item)) for item in value]
    if not isinstance(feature, Value):
        return value
    if isinstance(value, list | dict):
        raise UserError(f"{where}: got a {type(value).__name__}, expected a text or number")
    text = _text(value)
    text = labels.get(text, text)
    if feature.dtype == "string":
        return text
    if text == "":
        return None
    try:
        return int(text)
    except ValueError:
        expected = f"one of {', '.join(labels)}" if labels else "a number"
        raise UserError(f"{where}: unknown label '{text}', expected {expected}") from None


def _has_gold(rows: list[Row], source: Source, split: str, field: str | None) -> bool:
    """False if the split's gold is a placeholder, the same in every row."""
    if field is None or split not in source.options.get("no_gold", []):
        return True
    values = [pick(row.fields, source.columns.get(field, field), row.where) for row in rows]
    return any(value != values[0] for value in values)


def examples(rows: list[Row], features: Features, source: Source, split: str, language: str) -> list[dict[str, Any]]:
    """One example per row, in order, with exactly the fields of `features`.

    The id is the row's own, or `{split}-{row number from 0}` if the split is in `positional_ids` or the rows have no id. Raises
    UserError, naming the row, for a missing column, a label that is no index of a choice, or a value of the wrong shape.
    """
    gold = gold_field(features)
    keep_gold = _has_gold(rows, source, split, gold)
    mapped = [(field, source.columns.get(field, field)) for field in features if field not in ("id", "language")]
    result = []
    for number, row in enumerate(rows):
        name = None if split in source.positional_ids else pick(row.fields, source.columns.get("id", "id"), row.where)
        example: dict[str, Any] = {"id": f"{split}-{number}" if name is None else _text(name), "language": language}
        for field, column in mapped:
            value = pick(row.fields, column, row.where) if field != gold or keep_gold else None
            if value is None and field not in _NULLABLE:
                raise UserError(f"{row.where}: no column '{column}'; the row has {', '.join(row.fields)}")
            labels = source.labels if field in ("label", "tags") else {}
            value = _convert(value, features[field], labels, row.where)
            example[field] = None if field == "label" and value == "" else value
        result.append(example)
    return result
