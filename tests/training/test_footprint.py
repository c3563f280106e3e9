"""The computed memory of a step against the bytes of all tensors that a training on a CPU holds at once."""

import re
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from xstilts.models.encoder import build_encoder
from xstilts.training.footprint import footprint

SHAPE = {"hidden_size": 64, "intermediate_size": 256, "num_attention_heads": 4, "num_hidden_layers": 6}
XLMR_LARGE = {
    "vocab_size": 250002,
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
}


class Held(TorchDispatchMode):
    """Counts the bytes of all tensors that operations made and that still exist, and their maximum."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.now, self.most, self.known = 0, 0, set()
        for parameter in model.parameters():
            self.add(parameter.detach())

    def add(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        place, size = storage.data_ptr(), storage.nbytes()
        if place and place not in self.known:
            self.known.add(place)
            self.now += size
            self.most = max(self.most, self.now)
            weakref.finalize(storage, self.remove, place, size)

    def remove(self, place: int, size: int) -> None:
        self.known.discard(place)
        self.now -= size

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if isinstance(leaf, torch.Tensor):
                self.add(leaf)
        return made


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_training_holds_no_more_and_not_much_less(precision, checkpointing, build, fit, tiny_model, tokenizer):
    encoder = build_encoder(tiny_model(**SHAPE, dropout=0.1), tokenizer)
    encoder.leave_padding_out()
    if checkpointing:
        encoder.checkpoint_layers()
    phase = build("classification", encoder=encoder, steps=2, count=32, batch_size=32, max_tokens=600)
    seen: list[tuple[int, int]] = []
    encoder.register_forward_pre_hook(
        lambda module, given, named: seen.append((int(given[1].sum()), given[1].shape[1])), with_kwargs=True
    )
    with Held(phase.model) as held:
        fit(phase, precision=precision)
    tokens, longest = map(max, zip(*seen, strict=True))
    bound = footprint(encoder.backbone.config.to_dict(), tokens, longest, precision, checkpointing).total
    assert held.most <= bound <= 1.4 * held.most


def test_xlmr_large_fits_ten_gigabytes_with_a_trimmed_vocabulary():
    """The figures of docs/small_gpus.md; the size of the model is that of its card, 560 million weights."""
    assert footprint(XLMR_LARGE).weights / 4 == pytest.approx(560e6, rel=0.002)
    page = (Path(__file__).parents[2] / "docs" / "small_gpus.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (all 250,002|[\d,]+) \| ([\d.]+) \| ([\d.]+) \|$", page, re.MULTILINE)
    assert len(rows) == 5
    for words, without, with_checkpoints in rows:
        kept = None if words.startswith("all") else int(words.replace(",", ""))
        found = [footprint(XLMR_LARGE, gradient_checkpointing=on, rows=kept).total / 1e9 for on in (False, True)]
        assert [f"{value:.1f}" for value in found] == [without, with_checkpoints], words
    assert footprint(XLMR_LARGE, gradient_checkpointing=True, rows=190_000).total < 10e9


def test_the_example_of_the_page_prints_what_it_says(capsys):
    page = (Path(__file__).parents[2] / "docs" / "small_gpus.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    exec(compile(program, "docs/small_gpus.md", "exec"), {})
    assert f"# {capsys.readouterr().out}" in f"{program}"
