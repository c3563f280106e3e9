"""Half of the pairs are the same, and neither text alone says which; sentences have the same words in both texts."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., list[dict[str, Any]]]


@pytest.mark.parametrize("kind", ["question", "sentence"])
def test_labels_are_balanced(make: Make, kind: str) -> None:
    examples = make("paraphrase", count=100, kind=kind)
    assert Counter(example["label"] for example in examples) == {"same": 50, "different": 50}


@pytest.mark.parametrize("kind", ["question", "sentence"])
def test_neither_text_tells_the_label(many: Make, tells: Callable[..., bool], kind: str) -> None:
    examples = many("paraphrase", kind=kind)
    labels = [example["label"] for example in examples]
    assert not tells([example["text_a"] for example in examples], labels)
    assert not tells([example["text_b"] for example in examples], labels)


def test_sentences_have_the_same_words_in_both_texts(make: Make) -> None:
    for language in ("qaa", "qag", "qah"):
        for example in make("paraphrase", language=language, kind="sentence"):
            assert Counter(example["text_a"].split()) == Counter(example["text_b"].split())
            one, two = (sorted(sorted(clause.split()) for clause in example[side].split(" .")) for side in ("text_a", "text_b"))
            assert len(one) == len(two) == 3  # two clauses, and nothing after the last full stop
            assert (one == two) == (example["label"] == "same")


def test_questions_are_two_questions(make: Make) -> None:
    for example in make("paraphrase", kind="question"):
        assert example["text_a"].endswith(" ?") and example["text_b"].endswith(" ?")
        assert example["text_a"] != example["text_b"]
