"""The words of a command line: flags in any place, and letters beyond ASCII, which Hydra takes only in quotes."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import QuotedString
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import UserError
from xstilts.launch.arguments import quoted, read
from xstilts.paths import name_problem


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("flag", ["-m", "--multirun"])
def test_a_flag_may_stand_anywhere(flag, place):
    words = ["+target=xnli", "seed=1,2", "model=tiny"]
    words.insert(place, flag)
    read_words = read(words)
    assert read_words.multirun and read_words.flags == ["--multirun"]
    assert read_words.overrides == ["+target=xnli", "seed=1,2", "model=tiny"]


def test_values_of_flags_are_kept():
    words = read("seed=1 --cfg job +target=xnli --resolve -cd my -p model".split())
    assert words.flags == ["--resolve", "--cfg=job", "--package=model", "--config-dir=my"]
    assert (words.overrides, words.config_dir, words.cfg, words.help) == (["seed=1", "+target=xnli"], "my", True, False)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--mutlirun", "unknown flag '--mutlirun': did you mean --multirun"),
        ("-c job -r", "--run and --cfg cannot be used together: leave out all but one"),
        ("-m --cfg job", "--cfg shows the config of one cell: leave out -m and give one value for each choice"),
        ("--resolve", "--resolve is for --cfg alone: type --cfg job --resolve, or leave it out"),
        ("--config-path=x", "--config-path cannot be used: type --config-dir=FOLDER"),
        ("--experimental-rerun=x", "--experimental-rerun cannot be used: it would run a pickle"),
        ("--cfg=none", "cannot read the command line: argument -c/--cfg: invalid choice: 'none'"),
        ("--config-dir", "cannot read the command line: argument -cd/--config-dir: expected one argument"),
    ],
)
def test_flags_that_cannot_be_meant(words, expected):
    with pytest.raises(UserError) as error:
        read(words.split())
    assert str(error.value).startswith(expected)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("seed=1", "seed=1"),
        ("study=日本語", "study='日本語'"),
        ("study=my ü study", "study='my ü study'"),
        ("study=ünï,b,日本", "study='ünï',b,'日本'"),
        ("target.languages=[日本,en]", "target.languages=['日本',en]"),
        ("a={x: ü, y: b}", "a={x: 'ü', y: b}"),
        ("a=choice(ü,b)", "a=choice('ü',b)"),
        ("data.root=/a/ü:b/c", "data.root='/a/ü:b/c'"),
        ("study='ü'", "study='ü'"),
        ('study="ü",b', 'study="ü",b'),
        ("study=${seed}ü", "study='${seed}ü'"),
    ],
)
def test_bare_texts_beyond_ascii_are_quoted(word, expected):
    assert quoted(word) == expected
    OverridesParser.create().parse_override(expected)


NAMES = st.text(st.characters(codec="utf-8", categories=("L", "M", "N")), min_size=1, max_size=20).filter(
    lambda name: not name_problem(name) and not name.isascii()
)


def text(value):
    return value.text if isinstance(value, QuotedString) else value


@given(NAMES)
def test_hydra_reads_every_such_name_as_it_is(name):
    override = OverridesParser.create().parse_override(quoted(f"study={name}"))
    assert override.value() == name


@given(st.lists(NAMES, min_size=2, max_size=4))
def test_and_every_list_of_them(names):
    for pattern, read_values in (("a={}", lambda value: value.list), ("a=[{}]", lambda value: value)):
        override = OverridesParser.create().parse_override(quoted(pattern.format(",".join(names))))
        assert list(map(text, read_values(override.value()))) == names
