"""Character noise: as much as asked for, the same every time, in the script of the text, and never in the gold."""

import unicodedata
from typing import Any

import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from xstilts.config import CharNoise
from xstilts.sources.noise import noise_problem, noisy, noisy_texts
from xstilts.tasks.declaration import Task
from xstilts.tasks.formats import format_names, format_of

SENTENCES = {
    "en": "The cat that was here in 2019 sleeps now, and then it sings.",
    "ru": "Кошка, которая была здесь в 2019 году, сейчас спит.",
    "ar": "القطة التي كانت هنا نائمة الآن.",
    "hi": "बिल्ली अब सो रही है और फिर गाती है।",
    "zh": "那只猫现在正在睡觉，然后它会唱歌。",
    "ja": "その猫は今眠っています。カタカナも。",
}
words = st.text(st.sampled_from("abc déж猫ก१2,. "), max_size=20)


@settings(max_examples=150, deadline=None)
@given(st.lists(words, min_size=1, max_size=5), st.floats(0, 1), st.integers(0, 3))
def test_noise_is_the_same_every_time_and_in_the_letters_of_the_texts(texts: list[str], rate: float, seed: int) -> None:
    made, errors = noisy_texts(texts, rate, seed)
    assert (made, errors) == noisy_texts(list(texts), rate, seed)
    assert len(made) == len(texts) and set("".join(made)) <= set("".join(texts))
    for old, new in zip(texts, made, strict=True):
        assert [c for c in new if not c.isalpha()] == [c for c in old if not c.isalpha()], "only letters change"
        assert any(map(str.isalpha, new)) == any(map(str.isalpha, old)), "no word becomes empty"
    assert rate > 0 or made == texts
    assert rate < 1 or errors == sum(map(str.isalpha, "".join(texts)))


@pytest.mark.parametrize("language", SENTENCES)
@pytest.mark.parametrize("rate", [0.02, 0.1, 0.5])
def test_the_rate_is_within_binomial_bounds_and_every_error_changes_the_text(language: str, rate: float) -> None:
    sentence = SENTENCES[language]
    made = [noisy_texts([sentence], rate, seed) for seed in range(200)]
    letters = sum(map(str.isalpha, sentence))
    assert binomtest(sum(errors for _, errors in made), 200 * letters, rate).pvalue > 1e-4
    assert all((text != sentence) == bool(errors) for (text,), errors in made if errors < 2)
    assert len({text for (text,), _ in made}) > 100 * (1 - (1 - rate) ** letters), "seeds make other errors"
    found = {unicodedata.name(c).split()[0] for (text,), _ in made for c in text if c.isalpha()}
    assert found == {unicodedata.name(c).split()[0] for c in sentence if c.isalpha()}


def test_all_kinds_of_errors_occur_as_often() -> None:
    """A word of different letters shows the kind of its only error by its length and its letters."""
    word, kinds = "abcdefghijklmnopqrst", {"insert": 0, "drop": 0, "swap": 0, "replace": 0}
    for seed in range(3000):
        (made,), errors = noisy_texts([word], 0.05, seed)
        if errors == 1:
            if len(made) != len(word):
                kinds["insert" if len(made) > len(word) else "drop"] += 1
            else:
                kinds["swap" if set(made) == set(word) else "replace"] += 1
    assert all(binomtest(count, sum(kinds.values()), 0.25).pvalue > 1e-4 for count in kinds.values()), kinds


ROWS: dict[str, list[dict[str, Any]]] = {
    "classification": [{"text_a": "a cat sleeps", "text_b": "an animal sleeps", "label": "yes", "genre": "cats"}] * 2,
    "multiple_choice": [{"prompt": "a cat", "context": "a cat", "choices": ["sleeps here", "sings"], "label": 1}],
    "tagging": [{"words": ["the", "cat", "sleeps", "."], "tags": ["A", "B", "A", "C"]}],
    "span_qa": [{"question": "who sleeps here?", "context": "the cat sleeps", "answers": [{"text": "cat", "start": 4}]}],
    "retrieval": [
        {"side": "query", "text": "the cat sleeps", "context": None, "relevant": ["1"]},
        {"side": "candidate", "text": "the cat sleeps", "context": "here", "relevant": None},
    ],
}


@pytest.mark.parametrize("format", ROWS)
def test_only_the_inputs_of_a_format_change(format: str) -> None:
    task = Task(name="x", format=format, labels=["yes", "no", "A", "B", "C"])
    declared = format_of(task)
    rows = [{"id": str(number), "language": "en", **row} for number, row in enumerate(ROWS[format])]
    before = Dataset.from_list(rows, features=declared.features)
    after = noisy(before, task, CharNoise(rate=0.5))
    assert after.features == before.features
    for old, new in zip(before, after, strict=True):
        changed = {name for name in old if old[name] != new[name]}
        assert changed == (set(declared.perturbed) if declared.counts(old) else set())
        assert declared.problem(new, task.labels) is None
    if format == "classification":
        assert after[0]["text_a"] == after[1]["text_a"], "examples that share a text still share it"


def test_a_format_whose_text_is_its_gold_is_refused() -> None:
    refused = [name for name in format_names() if not format_of(Task(name="x", format=name)).perturbed]
    assert set(ROWS) | set(refused) >= set(format_names()) and "mlm" in refused
    assert noise_problem(Task(name="x", format="mlm")) == (
        "noise in a task of the format mlm would change its gold, expected one of "
        "classification, multiple_choice, retrieval, span_qa, tagging"
    )
