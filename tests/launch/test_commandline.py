"""Wrong names on the command line: one line with the closest valid one, before anything is composed or imported."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from xstilts import config, train
from xstilts.errors import UserError
from xstilts.launch.arguments import read
from xstilts.launch.commandline import check_command_line, options

CONF = Path(__file__).resolve().parents[2] / "conf"
HEAVY = ("torch", "transformers", "datasets", "pytorch_lightning", "wandb", "tokenizers", "pyarrow")


@pytest.fixture(autouse=True, scope="module")
def registered():
    config.register()


def complaint(*arguments: str) -> str:
    with pytest.raises(UserError) as error:
        check_command_line(read(list(arguments)), "train")
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    "arguments",
    [
        ["+target=xnli"],
        ["+intermediate=snli", "+target=xnli", "seed=3"],
        ["+intermediate=[snli,commonsenseqa,mlm]", "+target=xnli"],
        ["+intermediate=none", "+target=tatoeba", "model=tiny", "model.tokenizer=FOLDER", "recipe=xtreme"],
        ["+target=xnli", "intermediate.mixture.cap=null", "target.training.mnli.max_examples=100", "target.languages=[de,fr]"],
        ["+target=xnli", "target.task.sources.xtreme.files.train='mine/{language}.tsv'"],
        ["-m", "+intermediate=none,mnli,squad_v1", "+target=xnli,xquad", "seed=1,2,3"],
        ["-m", "+target=xnli", "seed=range(1,4)"],
        ["+target=xnli", "hydra.verbose=true", "hydra/job_logging=disabled"],
        ["--help"],
        ["--help", "+target=xnil"],
        ["--hydra-help"],
        [],
    ],
    ids=" ".join,
)
def test_what_is_right_passes(arguments):
    check_command_line(read(arguments), "train")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("+target=xnil", "unknown target 'xnil': did you mean xnli or snli or mnli?"),
        ("+intermediate=mlni +target=xnli", "unknown intermediate 'mlni': did you mean mnli"),
        ("+intermediate=[snli,commonsensqa] +target=xnli", "unknown intermediate 'commonsensqa': did you mean commonsenseqa"),
        ("-m +intermediate=none,mnli,squadv1 +target=xnli", "unknown intermediate 'squadv1': did you mean squad_v1"),
        ("-m +target=xnli,xqad seed=1,2", "unknown target 'xqad': did you mean xquad"),
        ("+target=xnli model=xlmr_larg", "unknown model 'xlmr_larg': did you mean xlmr_large"),
        ("+target=xnli recipe=jaint", "unknown recipe 'jaint': did you mean jiant?"),
        ("+target=xnli logger=tensorbord", "unknown logger 'tensorbord': did you mean tensorboard?"),
        ("+target=xnli data=xtrem", "unknown data 'xtrem': did you mean xtreme?"),
        ("+target=xnli trainer=defalt", "unknown trainer 'defalt': did you mean default?"),
        ("+experiments=phang", "unknown experiments 'phang': "),
        ("~", "cannot read the command line: '~': expected OPTION=VALUE, such as seed=1 or"),
        ("data.root=~/x", """'data.root=~/x': the shell fills in ~ at the beginning of a word only: type "data.root=$HOME/x\""""),
        ("data.extra_roots=[/a,~/b]", 'at the beginning of a word only: type "data.extra_roots=[/a,$HOME/b]"'),
        ("+target=zzz", "unknown target 'zzz': valid: anli, anli_r1, "),
        ("target=xnli", "target is chosen with a plus: type +target=xnli"),
        ("intermediate=[mnli,mlm] +target=xnli", "intermediate is chosen with a plus: type +intermediate=mnli"),
        ("+target=xnli +model=tiny", "model has a default and is chosen without a plus: type model=tiny"),
        ("+target=xnli sede=2", "unknown option 'sede': did you mean seed?"),
        ("+target=xnli +sede=2", "unknown option 'sede': did you mean seed?"),
        ("+target=xnli loger=none", "unknown option 'loger': did you mean logger"),
        ("+targt=xnli", "unknown option 'targt': did you mean target"),
        ("+target=xnli trainer.device=2", "unknown option 'trainer.device': did you mean trainer.devices"),
        (
            "-m +target=xnli target.recipe.learning_rate=interval(1e-5,1e-3)",
            "target.recipe.learning_rate=interval(1e-5,1e-3) cannot be listed, expected a list, a range or a glob",
        ),
        ("-m +target=xnli hydra/sweeper=optun", "unknown hydra/sweeper 'optun': "),
        (
            "-m +target=xnli hydra/sweeper=basic hydra/launcher=local",
            "hydra/launcher=local hands no scores to hydra/sweeper=basic: leave it out",
        ),
        (
            "+target=xnli trainer.strategy=fsdp",
            "trainer.strategy is no option: for several devices type trainer=ddp; FSDP is not",
        ),
        ("+target=xnli traner.devices=2", "unknown option 'traner': did you mean trainer"),
        (
            "+target=xnli target.recipe.learning_rat=1",
            "unknown option 'target.recipe.learning_rat': did you mean target.recipe.learning_rate",
        ),
        (
            "+target=xnli target.training.mnli.max_example=1",
            "unknown option 'target.training.mnli.max_example': did you mean target.training.mnli.max_examples",
        ),
        ("+target=xnli seed.value=1", "unknown option 'seed.value': seed is a value and has no parts"),
        ("+target=xnli task/xnli=1", "unknown option 'task/xnli': "),
        ("+target=xnli seed=one", "seed: got 'one', expected a whole number"),
        ("+target=xnli target.languages=de", "target.languages: "),
        ("+target=xnli model.pooler=[", "cannot read the command line: "),
        ("+target=xnli seed=1,2", "seed=1,2 gives several values, for a cell each: type -m"),
        ("--config-dir no/such/folder +target=xnli", "--config-dir: there is no folder 'no/such/folder'"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(arguments, expected):
    assert expected in complaint(*arguments.split())


def test_the_value_is_shown():
    assert complaint("+target=xnli", "trainer.devices=many") == "trainer.devices: got 'many', expected a whole number"


def test_the_folder_of_ones_own_counts(tmp_path):
    (tmp_path / "logger").mkdir()
    (tmp_path / "logger" / "mine.yaml").write_text("# Mine.\nname: csv\nproject: mine\n")
    check_command_line(read(["--config-dir", str(tmp_path), "+target=xnli", "logger=mine"]), "train")
    assert "unknown logger 'mime': did you mean mine" in complaint("--config-dir", str(tmp_path), "+target=xnli", "logger=mime")


def test_options_are_the_files():
    found = options(CONF)
    assert set(found) == {path.name for path in CONF.iterdir() if path.is_dir()}
    assert found["model"] == sorted(path.stem for path in (CONF / "model").glob("*.yaml"))


@pytest.mark.parametrize("arguments", [["+target=xnil"], ["+target=xnli", "sede=2"], ["target=xnli"]])
def test_the_program_ends_with_2_and_one_line(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        train.main(arguments)
    assert end.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == "" and re.fullmatch(r"error: [^\n]+\n", shown.err)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["--cfg", "job", "--resolve", "+intermediate=mnli", "+target=xnli"], 0, "FacebookAI/xlm-roberta-large"),
        (["--help"], 0, "xnli"),
        (["+target=xnil"], 2, "error: unknown target 'xnil': did you mean xnli or snli or mnli?"),
        (["+target=xnli", "model=tiny", "data=xtreme"], 2, "error: data.root is not set"),
    ],
    ids=["cfg", "help", "wrong name", "wrong config"],
)
def test_an_answer_needs_no_heavy_library(arguments, code, expected, tmp_path):
    """Torch alone takes longer to import than an answer may take."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "xstilts.train", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=300,
    )
    imported, told = set(), []
    for line in done.stderr.splitlines():
        if line.startswith("import time:"):
            imported.add(line.split("|")[-1].strip().split(".")[0])
        else:
            told.append(line)
    assert done.returncode == code, told
    assert expected in done.stdout + "\n".join(told)
    assert "hydra" in imported and not imported & set(HEAVY)
    assert "Traceback" not in done.stderr
    left = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size]
    assert not left, "nothing is left behind"


def test_a_launcher_is_looked_up_among_all_that_are_installed(tmp_path: Path):
    assert (
        complaint("-m", "+target=xnli", "hydra/launcher=slrum")
        == "unknown hydra/launcher 'slrum': did you mean slurm or slurm_local?"
    )
    for name in ("basic", "local", "slurm", "slurm_local"):
        check_command_line(read(["-m", "+target=xnli", f"hydra/launcher={name}"]), "train")
    (tmp_path / "hydra" / "launcher").mkdir(parents=True)
    (tmp_path / "hydra" / "launcher" / "mine.yaml").write_text("defaults: [slurm, _self_]\n")
    check_command_line(read(["--config-dir", str(tmp_path), "-m", "+target=xnli", "hydra/launcher=mine"]), "train")
