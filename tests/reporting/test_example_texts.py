import pytest

from xstilts.errors import UserError
from xstilts.reporting.example_texts import excerpt, item_texts


def test_an_excerpt_has_the_answer() -> None:
    text = "a " * 200 + "Paris " + "b " * 200
    assert excerpt("one  two\nthree") == "one two three"
    assert excerpt(text, length=20) == "a a a a a a a a a a \N{HORIZONTAL ELLIPSIS}"
    cut = excerpt(text, "Paris", 21)
    assert "Paris" in cut and len(cut) == 23 and cut[0] == cut[-1] == "\N{HORIZONTAL ELLIPSIS}"
    assert excerpt(text, "London", 20) == excerpt(text, length=20)


@pytest.mark.parametrize("config", [{}, {"data": {"source": "files"}, "target": {"task": {"name": "nli"}}}])
def test_a_result_that_does_not_say_where_its_data_is(config: dict[str, object]) -> None:
    with pytest.raises(UserError, match="^the config in the results does not say where the data is"):
        item_texts({"config": config}, "test", {("en", "1")})
