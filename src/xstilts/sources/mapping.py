"""Map raw rows to examples of a format, by a source's `columns` and `labels`.

`columns` maps a field to a column; a field that is not listed is read from the column of the same name. Forms: `answerKey`, a
column; `3`, a column by its number from 1 (delimited, conll); `ctx|context`, the first of several columns that exists;
`question.choices.text`, a path into objects (lists on the way are mapped over); `[choice1, choice2]`, a list of columns;
`"{context} {question}"`, a text with columns in braces. A listed column must exist, unless the option `optional` lists it.
`labels` renames classes, tags and choices; the empty string means "no gold". The option `no_gold` lists splits whose labels may
be placeholders: if all labels of a file are equal, it has no gold (XCOPA's tests, all 0 in XTREME's form).
"""

import math
import re
from collections.abc import Collection, Iterable
from typing import Any

from xstilts.errors import UserError, tell
from xstilts.sources.raw import RawExample
from xstilts.tasks.declaration import Source
from xstilts.tasks.format import Format

_ABSENT = object()
_WHOLE_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,18}\s*")
_IN_BRACES = re.compile(r"\{([^{}]+)\}")


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


def pick(row: RawExample, column: Any, optional: Collection[str] = ()) -> Any:
    """Return the raw value of `column`; None if it is optional and absent. Raises UserError if it is absent otherwise."""
    if isinstance(column, list):
        return [_part(row, item) for item in column]
    if isinstance(column, str) and _IN_BRACES.search(column):
        return _IN_BRACES.sub(lambda match: _text(_part(row, match[1]), row.where), column)
    value = _value(row, column)
    if value is not _ABSENT:
        return value
    if optional and not set(str(column).split("|")).isdisjoint(optional):
        return None
    raise UserError(f"{row.where}: {_absent(row, column)}. If a file may lack it, set options.optional=[{column}]")


def present(row: RawExample, column: str | int, option: str = "") -> Any:
    """Return the raw value of a column that must be there; `option` is that which names it. Raises UserError if it is absent."""
    value = _value(row, column)
    if value is _ABSENT:
        raise UserError(f"{row.where}: {_absent(row, column, option)}")
    return value


def _absent(row: RawExample, column: str | int, option: str = "") -> str:
    message = f"no column '{column}'{option}; the row has {', '.join(row.fields)}"
    one = len(row.fields) == 1 and any(mark in name for name in row.fields for mark in ",;|\t")
    return f"{message}: set options.delimiter to the character between the columns" if one else message


def _value(row: RawExample, column: str | int) -> Any:
    if isinstance(column, str):
        return _path(row.fields, column)
    values = list(row.fields.values())
    return values[column - 1] if column <= len(values) else _ABSENT


def _part(row: RawExample, column: str | int) -> Any:
    value = present(row, column)
    if value is None:
        raise UserError(f"{row.where}: the column '{column}' is null, expected a text")
    return value


def _text(value: Any, where: str) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise UserError(f"{where}: got {_short(value)}, expected a text or number")
    return str(value)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}… ({type(value).__name__})"


def _convert(value: Any, field: str, format: Format, labels: dict[str, str], where: str) -> Any:
    """Convert `value` to the type of the format's field; `labels` is empty for fields other than labels."""
    kind = format.fields[field]
    if value is None:
        return None
    if kind == ["string"]:
        refused = () if field == format.gold else (bool,)
        if not isinstance(value, list) or not all(
            isinstance(item, str | int | float) and not isinstance(item, refused) for item in value
        ):
            raise UserError(f"{where}: {field}: got {_short(value)}, expected a list of texts")
        return [labels.get(text, text) for text in (_text(item, where) for item in value)]
    if not isinstance(kind, str):
        return value
    if isinstance(value, bool) and field != format.gold:
        raise UserError(f"{where}: {field}: got {value}, expected a text or number")
    text = value if isinstance(value, str) else _text(value, f"{where}: {field}")
    text = labels.get(text, text)
    if kind == "string":
        return text
    if text == "":
        return None
    if kind.startswith("float"):
        try:
            return float(text)
        except ValueError:
            raise UserError(f"{where}: {field}: got {_short(text)}, expected a number") from None
    if not _WHOLE_NUMBER.fullmatch(text):
        advice = f'a number; map it in the source, for instance labels: {{"{text}": "0"}}'
        expected = f"one of {', '.join(labels)}" if labels else advice
        raise UserError(f"{where}: unknown label '{text}', expected {expected}")
    return int(text)


def has_gold(rows: Iterable[RawExample], source: Source, split: str, format: Format) -> bool:
    """Return False if the split's gold is a placeholder: the same value in every row. Reads rows only where it may be one."""
    if format.gold is None or split not in source.options.get("no_gold", []):
        return True
    values = (_picked(row, source, format.gold) for row in rows)
    if format.labelled_items:  # one placeholder for each item
        values = (label for labels in values for label in (labels if isinstance(labels, list) else [labels]))
    first = next(values, None)
    return any(value != first for value in values)


def _picked(row: RawExample, source: Source, field: str) -> Any:
    """Return the raw value of a field, from its entry in `columns` or else from the column of the same name; None if absent.

    NaN becomes None: pandas and Python's JSON use it for missing values.
    """
    if field in source.columns:
        value = pick(row, source.columns[field], set(map(str, source.options.get("optional", []))))
    else:
        value = row.fields.get(field)
    return None if isinstance(value, float) and math.isnan(value) else value


def gold_column_problem(rows: list[RawExample], format: Format, source: Source) -> str | None:
    """Return an error message if no row has a column for the gold, as with a typing error in the header of a file; else None."""
    gold = format.gold
    if not rows or gold is None or gold in source.columns or gold in source.options.get("optional", []):
        return None
    return None if any(gold in row.fields for row in rows) else f"{rows[0].where}: {_missing(rows[0], source, gold)}"


def examples(
    rows: list[RawExample],
    format: Format,
    source: Source,
    split: str,
    language: str,
    problems: list[str] | None = None,
    first: int = 0,
    keep_gold: bool = True,
) -> tuple[list[RawExample], list[dict[str, Any]]]:
    """Return the rows, and one example for each, in order, with exactly the fields of the format.

    `first`: the number of the first row; `keep_gold`: the result of `has_gold` for all rows. For the id see `identifier`.
    A missing column, a label that is no index of a choice, and a value of the wrong shape are problems, each with its row: a
    UserError, or with a list `problems` one more item, and the row is left out.
    """
    fields = [field for field in format.fields if field not in ("id", "language") and (keep_gold or field != format.gold)]
    made = []
    for number, row in enumerate(rows, first):
        try:
            name = identifier(row, number, source, split)
            values = {field: _value_of(row, field, format, source) for field in fields}
        except UserError as error:
            tell(str(error), problems)
        else:
            made.append((row, dict.fromkeys(format.fields) | {"id": name, "language": language} | values))
    return [row for row, _ in made], [example for _, example in made]


def identifier(row: RawExample, number: int, source: Source, split: str) -> str:
    """Return the id of the row, or `{split}-{number}` if the split is in `positional_ids` or rows have no id.

    `number` counts the rows of the language from 0. Raises UserError for an id that is empty or no text or number.
    """
    name = None if split in source.positional_ids else _picked(row, source, "id")
    if name == "":
        raise UserError(f"{row.where}: an empty id; if rows have none, list the split in the source's positional_ids")
    return f"{split}-{number}" if name is None else _text(name, f"{row.where}: id")


def _value_of(row: RawExample, field: str, format: Format, source: Source) -> Any:
    """Return the value of a field of the format."""
    is_gold, value = field == format.gold, _picked(row, source, field)
    if value is None and not is_gold and field not in format.may_be_null:
        raise UserError(f"{row.where}: {_missing(row, source, field)}")
    is_label = is_gold and format.gold_is_label
    value = _convert(value, field, format, source.labels if is_label else {}, row.where)
    return None if is_label and value == "" else value


def _missing(row: RawExample, source: Source, field: str) -> str:
    column = source.columns.get(field, field)
    if field in source.columns or field in row.fields:
        return f"the column '{column}' is null, but {field} is needed"
    message = _absent(row, field)
    return message if "options.delimiter" in message else f"{message}: set columns.{field} in the source"
