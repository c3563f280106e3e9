"""Lines that cannot be read, at random places of a file: each is one problem, and the others are read."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xstilts.config import DataConfig
from xstilts.errors import UserError
from xstilts.sources import source_of
from xstilts.sources.load import load
from xstilts.tasks.declaration import Source, Task

GOOD: dict[str, list[str]] = {
    "csv": ["a,yes", '"a, b",no', '"say ""a""",yes', "a b,no"],
    "tsv": ["a\tyes", 'say "a"\tno', "a, b\tyes"],
    "numbered": ["a\tyes", "b b\tno"],
    "jsonl": ['{"text_a": "a", "label": "yes"}', '{"text_a": "{", "label": "no"}'],
    "conll": ["a O\n", "b B-PER\nc O\n", "\u0301d  O \n"],
    "conll_tab": ["a\tO\n", "b b\tB-PER\n"],
    "conllu": ["1\ta\t_\tNOUN\t_\t_\t0\t_\t_\t_\n"],
    "ccg": ["a b\tO O", "a\tO"],
}
"""Form of a file -> rows; of the CoNLL forms, sentences."""
BROKEN: dict[str, list[str]] = {
    "csv": ["a", "a,b,yes", '"a" b,no', '"a'],
    "tsv": ["a yes", "a\tb\tno", "a,yes"],
    "numbered": ["a yes", "a\tb\tno"],
    "jsonl": ["a", '{"text_a": "a", "label": "yes"', "3", '{"text_a": 1, "text_a": 2}', "null"],
    "conll": ["O\n", "a b O\n", "b\tO\n", "a O\nO\nb O\n"],
    "conll_tab": ["a O\n", "O\n", "a\tb\tO\n"],
    "conllu": ["1 a NOUN\n", "2\ta\t_\tNOUN\t_\t_\t0\t_\t_\t_\n"],
    "ccg": ["a b\tO", "a O"],
}
"""Form -> such pieces, each with one line that cannot be read."""
READERS: dict[str, Source] = {
    "csv": Source(reader="delimited", options={"header": True, "delimiter": ","}),
    "tsv": Source(reader="delimited", options={"names": ["text_a", "label"]}),
    "numbered": Source(reader="delimited", columns={"text_a": 1, "label": 2}),
    "jsonl": Source(reader="jsonl"),
    "conll": Source(reader="conll"),
    "conll_tab": Source(reader="conll"),
    "conllu": Source(reader="conllu", labels={"NOUN": "O"}),
    "ccg": Source(reader="ccg"),
}


def task(form: str) -> Task:
    tags = form.startswith(("con", "ccg"))
    source = READERS[form]
    source.files = {"test": "file"}
    return Task(
        name="toy",
        format="tagging" if tags else "classification",
        labels=["O", "B-PER"] if tags else ["yes", "no"],
        languages=["en"],
        sources={"xtreme": source},
    )


@st.composite
def pieces(draw: st.DrawFn) -> tuple[str, list[tuple[bool, str]]]:
    """A form, and good and broken pieces of a file, most of them good."""
    form = draw(st.sampled_from(sorted(GOOD)))
    good = draw(st.lists(st.sampled_from(GOOD[form]), min_size=2, max_size=40))
    broken = draw(st.lists(st.sampled_from(BROKEN[form]), max_size=len(good) // 2))
    return form, draw(st.permutations([*((True, text) for text in good), *((False, text) for text in broken)]))


@pytest.mark.slow
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces(), st.booleans(), st.booleans())
def test_each_broken_line_is_one_problem(
    tmp_path: Path, made: tuple[str, list[tuple[bool, str]]], crlf: bool, ends: bool
) -> None:
    form, parts = made
    text = "\n".join([*(["text_a,label"] if form == "csv" else []), *(text for _, text in parts)]) + ("\n" if ends else "")
    (tmp_path / "file").write_bytes((text.replace("\n", "\r\n") if crlf else text).encode())
    source, problems = source_of(task(form), DataConfig(root=str(tmp_path))), list[str]()
    count = sum(good for good, _ in parts)
    read = load(source, "test", ["en"], problems=problems)
    assert (len(read), len(problems)) == (count, len(parts) - count), problems
    assert len(set(problems)) == len(problems) and all(line.startswith(f"{tmp_path / 'file'}:") for line in problems)
    if problems:
        with pytest.raises(UserError) as refused:
            load(source, "test", ["en"])
        assert str(refused.value) == problems[0]
