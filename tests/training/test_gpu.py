"""On a GPU: the numbers of the CPU within stated bounds, one wait for the device in a step, recovery from a lack of memory."""

import logging
import warnings
from collections.abc import Iterator
from dataclasses import replace

import pytest
import pytorch_lightning as pl
import torch
from torch import distributed
from transformers import AutoModel, BertConfig, XLMRobertaConfig

from xstilts.config import TrainerConfig
from xstilts.models.encoder import Encoder, build_encoder
from xstilts.tasks.formats import format_names
from xstilts.training.determinism import deterministic
from xstilts.training.distributed import ManualDDPStrategy
from xstilts.training.trainer import trainer_options

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")]
WIDE = {"hidden_size": 256, "num_attention_heads": 4, "intermediate_size": 1024}


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Leave torch's global settings as they were."""
    chosen = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    yield
    torch.use_deterministic_algorithms(chosen[0], warn_only=chosen[1])
    torch.cuda.set_sync_debug_mode("default")
    torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.parametrize("padding_free", [True, False])
@pytest.mark.parametrize("format", format_names())
def test_training_gives_the_losses_of_a_cpu(format, padding_free, build, fit):
    phases = [build(format, dropout=0.0, steps=8) for _ in range(2)]
    for phase in phases if padding_free else []:
        phase.encoder.leave_padding_out()
    here, there = (fit(phase, accelerator=device).losses for phase, device in zip(phases, ("cpu", "gpu"), strict=True))
    assert there == pytest.approx(here, rel=1e-3)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_training_repeats_bit_by_bit(precision, build, fit):
    deterministic()
    runs = []
    for _ in range(2):
        phase = build("classification", steps=12)
        phase.encoder.leave_padding_out()
        runs.append(fit(phase, accelerator="gpu", precision=precision).losses)
    assert runs[0] == runs[1]


@pytest.mark.parametrize("config", [XLMRobertaConfig, BertConfig])
def test_bf16_without_padding_is_bf16_with_padding(config):
    """Hidden states and gradients differ by less than 2 %, where bf16 itself differs from float32 by as much."""
    torch.manual_seed(0)
    shape = {"vocab_size": 60, "num_hidden_layers": 4, "max_position_embeddings": 130, **WIDE}
    built = config(**shape, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    model = Encoder(
        AutoModel.from_config(built, attn_implementation="sdpa", add_pooling_layer=False, trust_remote_code=False)
    ).cuda()
    mask_BL = (torch.arange(100) < torch.tensor([100, 7, 60, 33, 1])[:, None]).long().cuda()
    ids_BL = torch.randint(5, 60, mask_BL.shape).cuda()

    def run() -> list[torch.Tensor]:
        model.zero_grad()
        with torch.autocast("cuda", torch.bfloat16):
            hidden_BLD = model(ids_BL, mask_BL).float() * mask_BL[..., None]
        torch.manual_seed(2)
        (hidden_BLD * torch.randn_like(hidden_BLD)).sum().backward()
        return [hidden_BLD.detach(), torch.cat([value.grad.flatten() for value in model.parameters() if value.grad is not None])]

    padded = run()
    model.leave_padding_out()
    for got, wanted in zip(run(), padded, strict=True):
        assert (got - wanted).norm() < 0.02 * wanted.norm()


def test_compiled_layers_give_the_same_losses(build, fit, tiny_model, tokenizer):
    losses = []
    for compiled in (False, True):
        phase = build("classification", steps=8, encoder=build_encoder(tiny_model(dropout=0.0), tokenizer), dropout=0.0)
        phase.encoder.leave_padding_out()
        if compiled:
            phase.encoder.compile_layers()
        losses.append(fit(phase, accelerator="gpu").losses)
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


@pytest.mark.parametrize("max_tokens", [8192, 64])
def test_a_step_waits_for_the_gpu_once(max_tokens, build, tmp_path):
    class Watched(pl.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            torch.cuda.set_sync_debug_mode("warn" if 4 <= trainer.global_step < 14 else "default")

    phase = build("classification", steps=20, max_tokens=max_tokens)
    phase.encoder.leave_padding_out()
    options = trainer_options(TrainerConfig(accelerator="gpu", precision="bf16-mixed"))
    trainer = pl.Trainer(**options, max_epochs=1, logger=False, callbacks=[Watched()], default_root_dir=tmp_path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer.fit(phase.model, datamodule=phase.data)
    waits = [f"{warning.filename}:{warning.lineno}" for warning in caught if "synchronizing" in str(warning.message)]
    assert len(waits) == 10, sorted(set(waits))


def test_a_step_that_does_not_fit_is_done_again_in_smaller_parts(build, fit, tiny_model, tokenizer, caplog):
    caplog.set_level(logging.INFO, "xstilts")

    def phase():
        model = replace(tiny_model(dropout=0.0, **WIDE), attention="sdpa")
        return build("classification", dropout=0.0, steps=3, count=256, batch_size=256, encoder=build_encoder(model, tokenizer))

    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    expected = fit(phase(), accelerator="gpu").losses
    peak, total = torch.cuda.max_memory_reserved(), torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(0.7 * peak / total)
    got = fit(phase(), accelerator="gpu").losses
    assert "out of memory in step 1 of training: done again" in caplog.text
    assert got == pytest.approx(expected, rel=1e-3)


def test_one_process_of_several_trains_as_one_alone(build, fit, monkeypatch):
    alone = fit(build("classification", steps=6), accelerator="gpu").losses
    try:
        together = fit(build("classification", steps=6), accelerator="gpu", strategy=ManualDDPStrategy()).losses
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()
    assert together == alone
