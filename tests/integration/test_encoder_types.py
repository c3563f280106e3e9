"""Each type of encoder in the form in which it is released, through training to the class of transformers that its users load.

Weights are random, shapes tiny, and tokenizers trained here, but files, names of weights and special tokens are those of the
releases. A cell trains heads of three formats: what they compute for the evaluated texts, transformers' class must compute for
them too, from the artifact's folder and its own tokenizer alone. docs/encoder_types.md shows the outcome as a table, whose rows
are compared.
"""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import CONFIG_MAPPING, AutoConfig, AutoTokenizer

from xstilts.errors import UserError
from xstilts.models.heads.classification import ClassificationHead
from xstilts.models.heads.span_qa import SpanHead
from xstilts.models.heads.tagging import TaggingHead
from xstilts.paths import HEADS
from xstilts.store.artifacts import read_metadata

pytestmark = pytest.mark.long
WORDS = "red green blue one two three cat dog bird runs sleeps sings fast slowly here there now then always never where".split()
TEXT = [" ".join(WORDS[number % 21 :] + WORDS[: number % 21]) + " ?" for number in range(60)]
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 130,
    "initializer_range": 0.2,
}
HEADS_OF = {ClassificationHead: "pawsx", TaggingHead: "panx", SpanHead: "squad_v1"}
AUTO = {
    "pawsx": transformers.AutoModelForSequenceClassification,
    "panx": transformers.AutoModelForTokenClassification,
    "squad_v1": transformers.AutoModelForQuestionAnswering,
}


def sentencepiece(folder: Path, name: str, **special: Any) -> None:
    """A SentencePiece model; `special`: ids and pieces of its special tokens, else <unk>, <s>, </s>."""
    from sentencepiece import SentencePieceTrainer

    written = io.BytesIO()
    options = {"vocab_size": 70, "hard_vocab_limit": False, "character_coverage": 1.0, "minloglevel": 2}
    SentencePieceTrainer.train(sentence_iterator=iter(TEXT), model_writer=written, **options, **special)
    (folder / name).write_bytes(written.getvalue())


def settings(folder: Path, **values: Any) -> None:
    (folder / "tokenizer_config.json").write_text(json.dumps(values))


def xlmr_slow(folder: Path) -> None:
    """As Glot500: sentencepiece.bpe.model alone."""
    sentencepiece(folder, "sentencepiece.bpe.model")
    settings(folder, tokenizer_class="XLMRobertaTokenizer")


def xlmr_fast(folder: Path) -> None:
    """As XLM-R: with tokenizer.json beside it."""
    xlmr_slow(folder)
    transformers.XLMRobertaTokenizer.from_pretrained(folder).save_pretrained(folder)


def mdeberta(folder: Path) -> None:
    """As mDeBERTa-v3: spm.model alone, whose special tokens are BERT's."""
    special = {"pad": "[PAD]", "bos": "[CLS]", "eos": "[SEP]", "unk": "[UNK]"}
    ids = {f"{name}_id": number for number, name in enumerate(special)}
    sentencepiece(folder, "spm.model", **ids, **{f"{name}_piece": piece for name, piece in special.items()})
    settings(folder, do_lower_case=False, vocab_type="spm")


def rembert(folder: Path) -> None:
    special = {"pad": "[PAD]", "unk": "[UNK]", "bos": "[CLS]", "eos": "[SEP]"}
    ids = {f"{name}_id": number for number, name in enumerate(special)}
    pieces = {f"{name}_piece": piece for name, piece in special.items()}
    sentencepiece(folder, "sentencepiece.model", **ids, **pieces, control_symbols="[MASK]")
    settings(folder, do_lower_case=False, pad_token="[PAD]", unk_token="[UNK]")
    transformers.RemBertTokenizer.from_pretrained(folder).save_pretrained(folder)


def wordpiece(folder: Path) -> None:
    """As mBERT: vocab.txt and a short tokenizer_config.json."""
    trained = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    trained.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trained.train_from_iterator(TEXT, trainers.WordPieceTrainer(vocab_size=90, special_tokens=BERT, show_progress=False))
    vocabulary = sorted(trained.get_vocab().items(), key=lambda item: item[1])
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token, _ in vocabulary))
    settings(folder, do_lower_case=False, model_max_length=512)


def byte_level(folder: Path, special: list[str], template: tuple[str, str] | None) -> Tokenizer:
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trained.train_from_iterator(TEXT, trainers.BpeTrainer(vocab_size=330, initial_alphabet=alphabet, show_progress=False))
    trained.add_special_tokens([AddedToken(token, special=True) for token in special])
    if template:
        named = [(token, trained.token_to_id(token)) for token in special]
        trained.post_processor = processors.TemplateProcessing(single=template[0], pair=template[1], special_tokens=named)
    trained.save(str(folder / "tokenizer.json"))
    return trained


def eurobert(folder: Path) -> None:
    """As EuroBERT: Llama's kind, with neither an unknown token nor tokens called cls and sep."""
    begin, end = "<|begin_of_text|>", "<|end_of_text|>"
    byte_level(folder, [begin, end, "<|mask|>", "<|pad|>"], (f"{begin} $A {end}", f"{begin} $A {end} $B:1 {end}:1"))
    named = {"bos_token": begin, "eos_token": end, "mask_token": "<|mask|>", "pad_token": "<|pad|>"}
    settings(folder, tokenizer_class="PreTrainedTokenizerFast", **named, model_input_names=["input_ids", "attention_mask"])


def qwen(folder: Path) -> None:
    trained = byte_level(folder, ["<|endoftext|>", "<|im_end|>"], None)
    trained.model.save(str(folder))
    settings(folder, tokenizer_class="Qwen2Tokenizer", eos_token="<|im_end|>", pad_token="<|endoftext|>", unk_token=None)


def gemma(folder: Path) -> None:
    """As mmBERT: Gemma's kind, byte fallback, spaces as a character, <bos> and <eos> around texts."""
    trained = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    trained.normalizer = normalizers.Replace(" ", "▁")
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    tokens = [*special, *(f"<0x{byte:02X}>" for byte in range(256))]
    words = [f" {word}" for text in TEXT for word in text.split()]  # no token goes over the border of words
    trained.train_from_iterator(words, trainers.BpeTrainer(vocab_size=360, special_tokens=tokens, show_progress=False))
    trained.post_processor = processors.TemplateProcessing(
        single="<bos> $A <eos>", pair="<bos> $A <eos> $B <eos>", special_tokens=[("<bos>", 2), ("<eos>", 1)]
    )
    trained.save(str(folder / "tokenizer.json"))
    named = {f"{token[1:-1]}_token": token for token in special}
    settings(folder, tokenizer_class="GemmaTokenizer", **named)


def t5(folder: Path) -> None:
    sentencepiece(folder, "spiece.model", pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    settings(folder, tokenizer_class="T5Tokenizer", eos_token="</s>", pad_token="<pad>", unk_token="<unk>")


def xlm(folder: Path) -> None:
    (folder / "vocab.json").write_text(
        json.dumps({token: number for number, token in enumerate(["<s>", "</s>", "<pad>", "<unk>"])})
    )
    (folder / "merges.txt").write_text("#version: 0.2\n")


def no_tokenizer(folder: Path) -> None:
    settings(folder, model_max_length=2048)


@dataclass(frozen=True)
class Release:
    """An encoder as its repository has it."""

    type: str
    tokenizer: Callable[[Path], None]
    saved: str = "MaskedLM"
    """The weights are those of a model for this."""
    own: dict[str, Any] = field(default_factory=dict)
    """Values of config.json, beside SHAPE."""
    safetensors: bool = True
    """False: pytorch_model.bin."""
    refused: str = ""
    """A part of the line with which it is refused, in the words of docs/encoder_types.md."""


EUROBERT_CODE = {"AutoConfig": "configuration_eurobert.EuroBertConfig", "AutoModel": "modeling_eurobert.EuroBertModel"}
ONE = {"num_layers": 1, "num_decoder_layers": 1, "d_model": 32, "d_ff": 48, "num_heads": 2, "d_kv": 16}
CANINE = {"num_hash_buckets": 64, "num_hidden_layers": 1, "max_position_embeddings": 256}
RELEASES = {
    "XLM-R, XLM-V, InfoXLM": Release("xlm-roberta", xlmr_fast, own={"type_vocab_size": 1}),
    "Glot500": Release("xlm-roberta", xlmr_slow, own={"type_vocab_size": 1}, safetensors=False),
    "XLM-R XL": Release("xlm-roberta-xl", xlmr_fast, own={"type_vocab_size": 1}, safetensors=False),
    "X-MOD": Release("xmod", xlmr_fast, own={"languages": ["en_XX", "de_DE"], "default_language": "en_XX", "type_vocab_size": 1}),
    "mBERT": Release("bert", wordpiece, "PreTraining"),
    "LaBSE": Release("bert", wordpiece, ""),
    "E5, MiniLM": Release("bert", xlmr_slow, "", own={"tokenizer_class": "XLMRobertaTokenizer"}),
    "DistilBERT": Release("distilbert", wordpiece, own={"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 48}),
    "mmBERT": Release("modernbert", gemma, safetensors=False),
    "mDeBERTa-v3": Release(
        "deberta-v2",
        mdeberta,
        own={"type_vocab_size": 0, "relative_attention": True, "position_buckets": 16, "norm_rel_ebd": "layer_norm"}
        | {"share_att_key": True, "pos_att_type": "p2c|c2p", "position_biased_input": False, "max_relative_positions": -1},
        safetensors=False,
    ),
    "RemBERT": Release("rembert", rembert, own={"input_embedding_size": 16, "output_embedding_size": 24}),
    "EuroBERT": Release("eurobert", eurobert, own={"num_key_value_heads": 2, "head_dim": 16, "auto_map": EUROBERT_CODE}),
    "Qwen3-Embedding": Release("qwen3", qwen, "CausalLM", {"num_key_value_heads": 2, "head_dim": 16}, refused="a decoder"),
    "mT5": Release("mt5", t5, "", ONE, refused="an encoder-decoder"),
    "umT5": Release("umt5", t5, "", ONE, refused="an encoder-decoder"),
    "CANINE": Release("canine", no_tokenizer, "", CANINE, refused="no fast tokenizer"),
    "XLM": Release("xlm", xlm, "", {"emb_dim": 32, "n_layers": 1, "n_heads": 2}, refused="no fast tokenizer"),
}


def released(name: str, folder: Path) -> Path:
    """The folder of a release."""
    release, place = RELEASES[name], folder / "encoder"
    place.mkdir(parents=True)
    release.tokenizer(place)
    size, special = 400, {}
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            place, config=CONFIG_MAPPING[release.type](**release.own), trust_remote_code=False
        )
        size, special = len(tokenizer), {"pad_token_id": tokenizer.pad_token_id}
    except Exception:  # one that is refused
        pass
    config = CONFIG_MAPPING[release.type](**SHAPE | {"vocab_size": size} | special | release.own)
    torch.manual_seed(0)
    auto = getattr(transformers, f"AutoModelFor{release.saved}") if release.saved else transformers.AutoModel
    model = auto.from_config(config, trust_remote_code=False)
    model.save_pretrained(place)
    if not release.safetensors:
        torch.save(model.state_dict(), place / "pytorch_model.bin")
        (place / "model.safetensors").unlink()
    return place


@contextmanager
def computed() -> Iterator[dict[str, dict[tuple[int, ...], np.ndarray]]]:
    """While in the body: task -> token ids of an evaluated row -> the logits that our head computed last."""
    kept: dict[str, dict[tuple[int, ...], np.ndarray]] = {task: {} for task in AUTO}

    def keep(head: torch.nn.Module, given: tuple[Any, ...], output: Any) -> None:
        if (task := HEADS_OF.get(type(head))) and not head.training:
            batch = given[1]
            logits = torch.stack(output, -1) if isinstance(output, tuple) else output
            for ids, mask, row in zip(batch["input_ids"], batch["attention_mask"], logits, strict=True):
                length = int(mask.sum())
                kept[task][tuple(ids[:length].tolist())] = (row[:length] if row.ndim == 2 else row).float().numpy()

    hook = torch.nn.modules.module.register_module_forward_hook(keep)
    try:
        yield kept
    finally:
        hook.remove()


def texts(task: str, data: Path) -> list[dict[str, Any]]:
    """Return the arguments of a tokenizer for each evaluated example."""
    if task == "pawsx":
        rows = [line.split("\t")[:2] for line in (data / "pawsx/test-de.tsv").read_text().splitlines()]
        return [{"text": first, "text_pair": second} for first, second in rows]
    if task == "panx":
        sentences = (data / "panx/dev-en.tsv").read_text().strip().split("\n\n")
        return [{"text": [line.split("\t")[0] for line in one.split("\n")], "is_split_into_words": True} for one in sentences]
    asked = json.loads((data / "squad/dev-v1.1.json").read_text())["data"][0]["paragraphs"]
    return [{"text": one["qas"][0]["question"], "text_pair": one["context"]} for one in asked]


def class_of(artifact: Path, task: str, data: Path, ours: dict[tuple[int, ...], np.ndarray]) -> str:
    """The class of transformers that loads the head; it computes our logits from what the artifact's tokenizer gives.

    The name of the artifact's file with the head where transformers has no class for it.
    """
    if type(AutoConfig.from_pretrained(artifact, trust_remote_code=False)) not in AUTO[task]._model_mapping:
        return HEADS
    tokenizer = AutoTokenizer.from_pretrained(artifact, trust_remote_code=False)
    folder = artifact / "heads" / task
    model, report = AUTO[task].from_pretrained(
        folder if folder.is_dir() else artifact, trust_remote_code=False, output_loading_info=True
    )
    assert not report["missing_keys"], "its head would be random"
    for given in texts(task, data)[:12]:
        inputs = tokenizer(**given, return_tensors="pt")
        with torch.no_grad():
            output = model.eval()(**inputs)
        theirs = output.logits if task != "squad_v1" else torch.stack([output.start_logits, output.end_logits], -1)
        expected = ours[tuple(inputs["input_ids"][0].tolist())]
        np.testing.assert_allclose(theirs[0].numpy(), expected, rtol=1e-4, atol=1e-4)
    return type(model).__name__


@pytest.mark.parametrize("name", RELEASES)
def test_a_type_of_encoders_runs_and_its_artifacts_load_as_the_page_says(
    name: str, run_inline: Callable[..., Any], toy_world: Any, repository: Path, tmp_path: Path
) -> None:
    release, place = RELEASES[name], released(name, tmp_path)
    files = sorted(path.name for path in place.iterdir() if path.name not in ("config.json", "tokenizer_config.json"))
    cell = [option for option in toy_world.options if not option.startswith("model")]
    cell += ["+intermediate=[panx,squad_v1]", "+target=pawsx", f"model.name_or_path={place}", "model.trim_vocabulary=false"]
    cell += [f"{phase}.recipe.{last}" for phase in ("intermediate", "target") for last in ("selection=last", "max_steps=2")]
    cell += [f"output={tmp_path / 'outputs'}", f"store.root={tmp_path / 'store'}"]
    row = f"| {name} | `{release.type}` | {', '.join(f'`{file}`' for file in files)} | "
    if release.refused:
        with pytest.raises(UserError, match=release.refused) as error:
            run_inline(*cell)
        assert "\n" not in str(error.value)
        row += f"refused: {release.refused} | | |"
    else:
        with computed() as ours:
            ran = run_inline(*cell)
        kept = [Path(ran.config.store.root) / told["kind"] / told["fingerprint"] for told in ran.result["artifacts"]]
        artifacts = {task: folder for folder in kept[-2:] for task in read_metadata(folder)["heads"]}
        classes = {task: class_of(artifacts[task], task, toy_world.root, ours[task]) for task in AUTO}
        row += " | ".join(f"`{found}`" for found in classes.values()) + " |"
        told = [line for line in ran.log if "no SDPA attention" in line]
        assert len(told) == (release.type in ("deberta-v2", "rembert"))
    assert row in (repository / "docs" / "encoder_types.md").read_text().splitlines(), row


def test_a_decoder_embeds_texts_by_their_last_token_and_is_not_trained(
    run_inline: Callable[..., Any], toy_world: Any, tmp_path: Path
) -> None:
    place = released("Qwen3-Embedding", tmp_path)
    cell = [option for option in toy_world.options if not option.startswith("model")]
    cell += ["+target=tatoeba", f"model.name_or_path={place}", "target.recipe.retrieval_layers=[2]"]
    cell += ["target.recipe.retrieval_pooling=[last]", f"output={tmp_path / 'outputs'}", f"store.root={tmp_path / 'store'}"]
    with pytest.raises(UserError, match="a decoder, which is taken only to embed texts for a retrieval target"):
        run_inline(*cell, "+intermediate=pawsx")
    (row,) = run_inline(*cell).result["rows"]
    assert (row["layer"], row["pooling"]) == (2, "last")
    tokenizer, model = (
        AutoTokenizer.from_pretrained(place, trust_remote_code=False),
        transformers.AutoModel.from_pretrained(place, trust_remote_code=False),
    )
    sides = [(toy_world.root / f"tatoeba/de-en.{side}").read_text().splitlines() for side in ("de", "en")]
    with torch.no_grad():
        vectors = [[model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0, -1] for text in side] for side in sides]
    german, english = (torch.nn.functional.normalize(torch.stack(of), dim=-1) for of in vectors)
    right = (german @ english.T).argmax(1) == torch.arange(len(german))
    assert row["value"] == pytest.approx(100 * right.float().mean().item())
