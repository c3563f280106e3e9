"""The module and the data module under a plain Trainer, as Lightning users know them."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint

from tests.small_world import make_tokenizer, tiny
from xstilts.config import DataConfig, TrainerConfig
from xstilts.errors import UserError
from xstilts.hyperparameters import Hyperparameters
from xstilts.tasks.declaration import Source, Task
from xstilts.training.datamodule import TaskDataModule
from xstilts.training.module import TaskModule

FILES = {"train": "{language}.train.tsv", "validation": "{language}.dev.tsv"}
SOURCE = Source(reader="delimited", files=FILES, options={"names": ["text_a", "label"]})
TASK = Task(
    name="parity",
    format="classification",
    languages=["en", "de"],
    labels=["even", "odd"],
    metrics=["accuracy"],
    evaluate=["validation"],
    sources={"xtreme": SOURCE},
)
RECIPE = Hyperparameters(learning_rate=3e-3, batch_size=4, epochs=2, max_grad_norm=1.0, head_dropout=0.0)


def write_files(folder: Path) -> None:
    """24 lines to train on and 12 to validate on, in two languages: is the first word's number odd?"""
    for language in ("en", "de"):
        for split, numbers in (("train", range(24)), ("dev", range(30, 42))):
            lines = [f"w{n} w{n // 2} w{59 - n}\t{('even', 'odd')[n % 2]}\n" for n in numbers]
            (folder / f"{language}.{split}.tsv").write_text("".join(lines))


@pytest.fixture
def data(tmp_path):
    write_files(tmp_path)
    return DataConfig(root=str(tmp_path))


class Steps(pl.Callback):
    """A user's own callback: it keeps the losses, and saves a checkpoint after step 7."""

    def __init__(self):
        self.losses = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.losses.append(trainer.callback_metrics["train/loss/parity"].item())
        if trainer.global_step == 7:
            trainer.save_checkpoint(Path(trainer.default_root_dir) / "7.ckpt")


@pytest.fixture
def options(tmp_path):
    """Quiet and on the CPU; all else as Lightning has it."""
    return {
        "accelerator": "cpu",
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "default_root_dir": tmp_path,
    }


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.filterwarnings("ignore:.*`max_epochs` was not set")
def test_ten_lines_train_validate_and_predict(data, tokenizer, options):
    module = TaskModule.from_tasks(TASK, tokenizer, RECIPE, tiny())
    batches = TaskDataModule(TASK, tokenizer, RECIPE, data)
    mine, best = Steps(), ModelCheckpoint(monitor="validation/score", mode="max")
    stop = EarlyStopping("validation/score", mode="max", patience=2)
    trainer = pl.Trainer(val_check_interval=3, callbacks=[mine, best, stop], **options)
    trainer.fit(module, datamodule=batches)
    (scores,) = trainer.validate(module, datamodule=batches, verbose=False)
    outputs = trainer.predict(module, datamodule=batches)

    assert len(mine.losses) == trainer.global_step <= 12 and module.total_steps == 12
    assert stop.best_score == best.best_model_score is not None
    assert list(scores) == ["validation/score", "validation/parity/accuracy"] and len(set(scores.values())) == 1
    rows = [row for name, numbers, _ in outputs for row in numbers]
    assert sorted(rows) == list(range(24)), "12 examples in each of two languages"
    assert [(part.split, part.language) for part in batches.language_splits] == [("validation", "en"), ("validation", "de")]
    assert all(row["logits"].shape == (2,) for *_, values in outputs for row in values)


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.parametrize("setting", [{"fast_dev_run": True}, {"fast_dev_run": 2}, {"limit_val_batches": 0, "max_epochs": 1}])
def test_a_trial_run_needs_no_score(setting, data, tokenizer, options):
    """With more validation batches than are read."""
    budgets = TrainerConfig(max_eval_tokens=10)
    module = TaskModule.from_tasks(TASK, tokenizer, RECIPE, tiny())
    batches = TaskDataModule(TASK, tokenizer, RECIPE, data, trainer=budgets)
    trainer = pl.Trainer(callbacks=[EarlyStopping("validation/score")] if "fast_dev_run" in setting else [], **setting, **options)
    trainer.fit(module, datamodule=batches)
    assert len(batches.val_dataloader()) > 2 and "validation/score" not in trainer.callback_metrics
    assert trainer.global_step == {True: 1, 2: 2}.get(setting.get("fast_dev_run"), 12)


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_names_of_tasks_that_a_module_dict_refuses(data, tokenizer, options):
    tasks = {name: replace(TASK, name=name) for name in ("to", "train")}
    module, batches = TaskModule.from_tasks(tasks, tokenizer, RECIPE, tiny()), TaskDataModule(tasks, tokenizer, RECIPE, data)
    trainer = pl.Trainer(max_epochs=1, **options)
    trainer.fit(module, datamodule=batches)
    assert {"validation/to/accuracy", "validation/train/accuracy"} <= set(trainer.callback_metrics)


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_a_second_training_has_a_schedule_of_its_length(data, tokenizer, options):
    module = TaskModule.from_tasks(TASK, tokenizer, RECIPE, tiny())
    for recipe, steps in ((RECIPE, 12), (replace(RECIPE, epochs=3), 18)):
        trainer = pl.Trainer(max_epochs=1, **options | {"enable_checkpointing": False})
        trainer.fit(module, datamodule=TaskDataModule(TASK, tokenizer, recipe, data))
        assert module.total_steps == steps


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_a_module_and_data_of_other_tasks_are_refused(data, tokenizer, options):
    module = TaskModule.from_tasks(TASK, tokenizer, RECIPE, tiny())
    batches = TaskDataModule(replace(TASK, name="other"), tokenizer, RECIPE, data)
    with pytest.raises(UserError, match="^the module has no head 'other', only parity: make it and its data of the same tasks"):
        pl.Trainer(max_epochs=1, **options).fit(module, datamodule=batches)


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_the_score_is_that_of_the_predictions(data, tokenizer, options):
    module, batches = TaskModule.from_tasks(TASK, tokenizer, RECIPE, tiny()), TaskDataModule(TASK, tokenizer, RECIPE, data)
    trainer = pl.Trainer(**options)
    (scores,) = trainer.validate(module, datamodule=batches, verbose=False)
    gold = batches.validation["parity"].examples["label"]
    module.eval()
    with torch.no_grad():
        right = [
            TASK.labels[int(values["logits"].argmax())] == gold[row]
            for batch in batches.val_dataloader()
            for row, values in zip(batch.rows, module(batch), strict=True)
        ]
    assert len(right) == 12 and scores["validation/score"] == pytest.approx(100 * sum(right) / 12)


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_a_resumed_training_is_the_undisturbed_one(data, tokenizer, options, tmp_path):
    def train(resume=None):
        torch.manual_seed(1)
        recorded, module = Steps(), TaskModule.from_tasks(TASK, tokenizer, RECIPE, tiny())
        trainer = pl.Trainer(max_epochs=1, callbacks=[recorded], **options | {"enable_checkpointing": False})
        trainer.fit(module, datamodule=TaskDataModule(TASK, tokenizer, RECIPE, data), ckpt_path=resume, weights_only=True)
        return recorded.losses, module.state_dict()

    losses, weights = train()
    rest, resumed = train(tmp_path / "7.ckpt")
    assert rest == losses[7:] and len(losses) == 12
    assert all(torch.equal(value, resumed[name]) for name, value in weights.items() if name.startswith(("encoder", "heads")))


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ({"gradient_clip_val": 0.5}, r"^Trainer\(gradient_clip_val=0.5\): leave it out and set recipe.max_grad_norm=0.5"),
        ({"accumulate_grad_batches": 2}, r"^Trainer\(accumulate_grad_batches=2\): leave it out and set recipe.batch_size "),
        ({"limit_val_batches": 0.5}, r"^Trainer\(limit_val_batches=0.5\): leave it out and set recipe.eval_examples "),
        ({"limit_val_batches": 1}, r"^Trainer\(limit_val_batches=1\): leave it out"),
        ({"precision": "64-true"}, r"^Trainer\(precision='64-true'\): expected 32-true, "),
    ],
)
def test_settings_that_would_be_ignored_are_refused(setting, line, data, tokenizer, options):
    module, batches = TaskModule.from_tasks(TASK, tokenizer, RECIPE, tiny()), TaskDataModule(TASK, tokenizer, RECIPE, data)
    with pytest.raises(UserError, match=line):
        pl.Trainer(max_epochs=1, **setting, **options).fit(module, datamodule=batches)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"batch_size": None}, "^hyperparameters: got batch_size=None, max_steps=None, epochs=2, expected a batch_size"),
        ({"learning_rate": None}, "^hyperparameters: got no learning_rate, expected a number"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_hyperparameters_that_are_missing_are_named(changes, line, data, tokenizer, options):
    values = replace(RECIPE, **changes)
    module, batches = TaskModule.from_tasks(TASK, tokenizer, values, tiny()), TaskDataModule(TASK, tokenizer, values, data)
    with pytest.raises(UserError, match=line):
        pl.Trainer(max_epochs=1, **options).fit(module, datamodule=batches)


def test_without_validation_data_the_last_tenth_selects(data, tokenizer):
    source = replace(SOURCE, files={"train": FILES["train"]})
    batches = TaskDataModule(replace(TASK, sources={"xtreme": source}), tokenizer, RECIPE, data)
    batches.setup("fit")
    sizes = {len(batches.training["parity"].examples), len(batches.validation["parity"].examples)}
    assert sum(sizes) == 24 and min(sizes) in (2, 3)


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.filterwarnings("ignore:.*smaller than the logging interval")
@pytest.mark.filterwarnings("ignore:.*have no logger configured")
def test_the_page_of_the_docs_runs(data, tokenizer, options, repository, capsys):
    """With the task, the tokenizer and the encoder of this file instead of real ones."""
    first, second = re.findall(r"```python\n(.*?)```", (repository / "docs" / "lightning.md").read_text(), flags=re.DOTALL)
    replaced = {
        'load_task(conf_dir(), "pawsx"), load_tokenizer("FacebookAI/xlm-roberta-base")': "TASK, tokenizer",
        'DataConfig(root="FOLDER")': "data_config",
        'ModelConfig(name_or_path="FacebookAI/xlm-roberta-base")': "tiny()",
        "max_epochs=1, ": "max_epochs=1, **options, ",
    }
    for text, other in replaced.items():
        assert text in first
        first = first.replace(text, other)
    exec(first, {"TASK": TASK, "tokenizer": tokenizer, "data_config": data, "tiny": tiny, "options": options})
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("validation ")]
    assert [line.split()[1] for line in lines] == ["en", "de"] and all("{'accuracy': " in line for line in lines)
    exec(second, {})
    assert "'f1': tensor(50., dtype=torch.float64)" in capsys.readouterr().out


def main(folder: Path, devices: int) -> None:
    """Train and validate with the given number of processes, and write the scores and the weights."""
    module = TaskModule.from_tasks(TASK, make_tokenizer(), RECIPE, tiny(dropout=0.0))
    budgets = TrainerConfig(max_tokens=12, max_eval_tokens=40)
    batches = TaskDataModule(TASK, make_tokenizer(), RECIPE, DataConfig(root=str(folder)), trainer=budgets)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    trainer = pl.Trainer(accelerator="cpu", devices=devices, strategy="ddp" if devices > 1 else "auto", max_epochs=1, **quiet)
    trainer.fit(module, datamodule=batches)
    fitted = trainer.callback_metrics["validation/score"].item()
    (scores,) = trainer.validate(module, datamodule=batches, verbose=False)
    outputs = trainer.predict(module, datamodule=batches)
    rows = sorted(row for _, numbers, _ in outputs for row in numbers)
    torch.save([fitted, scores, rows, module.state_dict()], folder / f"{devices}.{trainer.global_rank}.pt")


@pytest.mark.long
def test_two_processes_of_plain_ddp_train_as_one(tmp_path):
    write_files(tmp_path)
    script = tmp_path / "train.py"
    script.write_text(
        "import sys; from pathlib import Path; from tests.training.test_lightning import main\n"
        "main(Path(sys.argv[1]), int(sys.argv[2]))\n"
    )
    root = Path(__file__).resolve().parents[2]
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    for devices in ("1", "2"):
        command = [sys.executable, str(script), str(tmp_path), devices]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300)
        assert done.returncode == 0, done.stderr
    alone, first, second = (torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("1.0", "2.0", "2.1"))
    assert first[:2] == second[:2] == alone[:2] and alone[0] == alone[1]["validation/score"]
    assert sorted(first[2] + second[2]) == alone[2] == list(range(24)) and first[2] and second[2]
    for name, value in alone[3].items():
        torch.testing.assert_close(first[3][name], value, rtol=1e-4, atol=2e-6)
        assert torch.equal(first[3][name], second[3][name])
