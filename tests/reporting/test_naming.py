from collections.abc import Callable
from pathlib import Path

from xstilts.reporting.comparison import comparisons
from xstilts.reporting.naming import _worlds, choice_name, options

Write = Callable[..., None]


def test_what_differs_from_most_cells_is_typed(write_made_up: Write, tmp_path: Path) -> None:
    for intermediate in ("none", "mnli", "qqp"):
        write_made_up(intermediate=intermediate)
    write_made_up(encoder=False)
    write_made_up(pairs=None)
    write_made_up(pairs=150)
    write_made_up(world="families")
    write_made_up(target="bucc2018")
    write_made_up(target="tatoeba", layers=(1,))
    write_made_up(target="tatoeba", layers=(1,), intermediate="mnli")
    write_made_up(target="tatoeba", layers=(0, 1))
    found = comparisons(tmp_path)
    told = {(one.target, " ".join(one_options)) for one, one_options in zip(found, options(found), strict=True)}
    assert told == {
        ("xnli", ""),
        ("xnli", "pretraining.encoder=false"),
        ("xnli", "pretraining=mlm"),
        ("xnli", "data.world.pairs=150"),
        ("xnli", "data.world.languages=qaa,qba,qbe,qbh"),
        ("bucc2018", ""),
        ("tatoeba", ""),
        ("tatoeba", "target.recipe.retrieval_layers=[0, 1]"),
    }


def test_names_of_files_in_conf() -> None:
    assert choice_name("anli+mnli+snli") == "anli_plus" and choice_name("mnli") == "mnli"
    assert choice_name("snli+anli+mnli mnli.fraction=0.5") == "anli_plus mnli.fraction=0.5"
    assert choice_name("mnli+mlm") == "mnli+mlm" and choice_name("none") == "none"
    assert _worlds()["qaa,qba,qbb,qbc,qbd,qbe,qbf,qbg,qbh"] == "babel_families"
