import math
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.reporting.comparison import comparisons
from xstilts.reporting.typology import correlation, pools, spearman

Write = Callable[..., None]


def test_a_correlation_by_hand() -> None:
    assert spearman([(1, 5), (2, 6), (3, 7), (4, 8), (5, 7)]) == pytest.approx(0.8207827)
    assert spearman([(0.2, 70), (0.2, 60), (0.4, 30)]) == pytest.approx(-math.sqrt(3) / 2)  # the ties share rank 1.5


def test_none_where_there_is_nothing_to_rank() -> None:
    assert spearman([]) is None and spearman([(1, 2), (2, 3)]) is None
    assert spearman([(1, 5), (1, 6), (1, 7)]) is None and spearman([(1, 5), (2, 5), (3, 5)]) is None


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=12))
def test_only_ranks_count_and_the_reverse_is_the_negative(points: list[tuple[int, int]]) -> None:
    found = spearman(points)
    stretched, reversed_ = (spearman([(x, y**3) for x, y in points]), spearman([(x, -y) for x, y in points]))
    assert (found is None) == (stretched is None) == (reversed_ is None)
    if found is not None and reversed_ is not None:
        assert -1 - 1e-9 <= found <= 1 + 1e-9
        assert stretched == pytest.approx(found) and reversed_ == pytest.approx(-found)


def test_with_and_without_the_language_of_little_text(write_made_up: Write, tmp_path: Path) -> None:
    """Distances 0.2 0.2 0.3 0.4, of which the third has little text."""
    write_made_up(seed=1)
    write_made_up(seed=2, right={"qab": 1, "qac": 2, "qae": 3, "qaf": 6})
    (one,) = comparisons(tmp_path)
    whole = correlation([one], one.variants[0], "structural")
    less = correlation([one], one.variants[0], "structural", low_resource=False)
    assert (whole.languages, less.languages) == (4, 3)
    assert whole.by_seed[1] == pytest.approx(-0.9486833) and whole.by_seed[2] == pytest.approx(0.9486833)
    assert less.by_seed[1] == pytest.approx(-math.sqrt(3) / 2)
    assert whole.of_means == pytest.approx(3 / math.sqrt(13.5))  # means 40 40 40 45: ranks 2 2 2 4
    assert correlation([one], one.variants[0], "lexical").by_seed[1] == pytest.approx(-1)


def test_a_choice_that_was_not_made_has_no_correlation(write_made_up: Write, tmp_path: Path) -> None:
    write_made_up()
    (one,) = comparisons(tmp_path)
    found = correlation([one], one.variants[0], "structural", choice="mnli")
    assert (found.of_means, found.by_seed, found.languages) == (None, {}, 0)


def test_worlds_of_other_languages_are_pooled(write_made_up: Write, tmp_path: Path) -> None:
    for world in ("babel", "families"):
        for seed in (1, 2):
            write_made_up(world=world, seed=seed)
    write_made_up(world="families", seed=3)
    write_made_up(encoder=False, better=-1)
    (pool,) = pools(comparisons(tmp_path))
    found = correlation(pool, pool[0].variants[0], "structural")
    assert (len(pool), found.languages, list(found.by_seed)) == (2, 7, [1, 2])
    # of seven languages: distances .2 .2 .3 .4 .1 .0 .0, scores 70 60 50 30 40 60 20
    points = [(0.2, 70.0), (0.2, 60.0), (0.3, 50.0), (0.4, 30.0), (0.1, 40.0), (0.0, 60.0), (0.0, 20.0)]
    assert found.of_means == spearman(points)
