"""A real encoder: it finds translations as it should, and all that must not change a result does not change one.

The encoder is a folder with multilingual-e5-small or another with BERT's layers and XLM-R's tokenizer; see `real_encoder`. The
floors and bounds below are for multilingual-e5-small from 4-bit weights.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForMultipleChoice,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
)

from benchmarks import pack
from tests.integration.killing import killed
from xstilts.cell.phases import plan
from xstilts.cell.resolve import resolve
from xstilts.data.featurizers import mlm
from xstilts.data.featurizers.special import special_tokens
from xstilts.data.tokenizer import load_tokenizer
from xstilts.models.encoder import Encoder, load_backbone
from xstilts.models.heads.retrieval import pool
from xstilts.sources import source_of
from xstilts.sources.load import load
from xstilts.store.results import read_predictions

pytestmark = pytest.mark.long

Run = Callable[..., Any]
FLOORS = {7: {"de": 88, "fr": 78, "sw": 58, "zh": 71}, 12: {"de": 94, "fr": 88, "sw": 78, "zh": 88}}
"""Layer -> language -> Tatoeba's accuracy in percent for 400 sentences, three points below what was measured."""
STEPS = ("batch_size=4", "max_steps=4", "eval_every=0", "selection=last", "learning_rate=3e-4")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder that is deleted after the test: each artifact in it has a hundred megabytes."""
    yield tmp_path
    shutil.rmtree(tmp_path)


@pytest.fixture(scope="module")
def real_files(shared_data: Path) -> tuple[str, ...]:
    return (
        "data=xtreme",
        f"data.root={shared_data / 'xtreme'}",
        f"data.extra_roots=[{shared_data / 'originals'},{shared_data / 'gold'}]",
        "data.expect=false",
        "trainer.accelerator=cpu",
        "trainer.num_threads=1",
        *(f"{phase}.recipe.{value}" for phase in ("intermediate", "target") for value in STEPS),
    )


@pytest.fixture(scope="module")
def small_encoder(
    real_encoder: Path, real_files: tuple[str, ...], compose_config: Run, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """The encoder with the words of the cells below alone, so that each artifact is a quarter as large."""
    folder = tmp_path_factory.mktemp("small")
    given = (*real_files, f"model.name_or_path={real_encoder}", f"store.root={folder / 'store'}", f"output={folder / 'out'}")
    cells = (CLASSIFICATION, *(cell for _, cell in CELLS.values()))
    plans = [plan(resolve(compose_config(*given, *cell.split()))) for cell in cells]
    tokenizer = load_tokenizer(str(real_encoder))
    pack.cut_encoder(real_encoder, pack.tokens_of(plans, tokenizer, len(tokenizer)), folder / "encoder")
    yield folder / "encoder"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def real_cell(run_inline: Run, small_encoder: Path, real_files: tuple[str, ...]) -> Run:
    """real_cell(place, *overrides) -> a cell of a few steps that ran in `place`."""
    given = (*real_files, f"model.name_or_path={small_encoder}")
    return lambda place, *overrides: run_inline(*given, f"store.root={place / 'store'}", f"output={place / 'out'}", *overrides)


def artifact(ran: Any) -> Path:
    """The last artifact of a cell."""
    told = ran.result["artifacts"][-1]
    return Path(ran.config.store.root) / told["kind"] / told["fingerprint"]


def accuracies(ran: Any) -> dict[tuple[int, str], float]:
    """(layer, language) -> Tatoeba's accuracy in percent."""
    return {(row["layer"], row["language"]): row["value"] for row in ran.result["rows"]}


def test_translations_are_found_at_a_middle_and_at_the_last_layer(
    run_inline: Run, real_encoder: Path, real_files: tuple[str, ...], place: Path
) -> None:
    given = (*real_files, f"model.name_or_path={real_encoder}", f"store.root={place / 'store'}", f"output={place / 'out'}")
    cell = (*given, "+target=tatoeba", "target.recipe.retrieval_layers=[7,12]", "target.max_test_examples=400")
    found = accuracies(run_inline(*cell, "trainer.precision=bf16-mixed", "target.languages=[de,fr,sw,zh]"))
    for layer, floors in FLOORS.items():
        assert {language: found[layer, language] >= floor for language, floor in floors.items()} == dict.fromkeys(floors, True)
    exact = accuracies(run_inline(*cell, "target.languages=[sw]"))
    for at, value in exact.items():
        assert found[at] == pytest.approx(value, abs=1.0), "bf16 changes the neighbours of four of 390 sentences at most"


# Reading back: the artifact's folder and examples as their sources have them -> predictions, by transformers alone.


def classify(folder: Path, examples: list[dict[str, Any]]) -> list[str]:
    tokenizer, model = loaded(AutoModelForSequenceClassification, folder)
    logits = (model(**tokenizer(row["text_a"], row["text_b"], return_tensors="pt")).logits for row in examples)
    return [model.config.id2label[int(logits_1C.argmax())] for logits_1C in logits]


def choose(folder: Path, examples: list[dict[str, Any]]) -> list[int]:
    tokenizer, model = loaded(AutoModelForMultipleChoice, folder)
    found = []
    for row in examples:
        rows = tokenizer([row["prompt"]] * len(row["choices"]), row["choices"], padding=True, return_tensors="pt")
        found.append(int(model(**{name: values[None] for name, values in rows.items()}).logits.argmax()))
    return found


def tag(folder: Path, examples: list[dict[str, Any]]) -> list[list[str]]:
    tokenizer, model = loaded(AutoModelForTokenClassification, folder)
    found = []
    for row in examples:
        words = tokenizer(row["words"], is_split_into_words=True, return_tensors="pt")
        tags = model(**words).logits[0].argmax(-1).tolist()
        first = [words.word_ids().index(number) for number in range(len(row["words"]))]
        found.append([model.config.id2label[tags[position]] for position in first])
    return found


def answer(folder: Path, examples: list[dict[str, Any]]) -> list[str]:
    """The span of at most 30 tokens of the context with the highest sum of its two scores."""
    tokenizer, model = loaded(AutoModelForQuestionAnswering, folder)
    found = []
    for row in examples:
        inputs = tokenizer(row["question"], row["context"], return_offsets_mapping=True, return_tensors="pt")
        spans = inputs.pop("offset_mapping")[0]
        output = model(**inputs)
        outside_L = torch.tensor([part != 1 for part in inputs.sequence_ids()])
        start_L, end_L = (values[0].masked_fill(outside_L, -torch.inf) for values in (output.start_logits, output.end_logits))
        sums_LL = (start_L[:, None] + end_L).triu().tril(29)
        sums_LL[~torch.ones_like(sums_LL).triu().tril(29).bool()] = -torch.inf
        start, end = divmod(int(sums_LL.argmax()), len(spans))
        found.append(row["context"][spans[start, 0] : spans[end, 1]].strip())
    return found


def nearest(folder: Path, examples: list[dict[str, Any]]) -> list[str]:
    """The id of each query's nearest candidate by the cosine of mean vectors of layer 7."""
    tokenizer, model = loaded(AutoModel, folder)

    def vectors(side: str) -> tuple[list[str], Tensor]:
        rows = [row for row in examples if row["side"] == side]
        inputs = (tokenizer(row["text"], return_tensors="pt") for row in rows)
        means = [model(**text, output_hidden_states=True).hidden_states[7][0].mean(0) for text in inputs]
        return [row["id"] for row in rows], functional.normalize(torch.stack(means))

    (_, queries_QD), (ids, candidates_CD) = vectors("query"), vectors("candidate")
    return [ids[row] for row in (queries_QD @ candidates_CD.T).argmax(1).tolist()]


def restore(folder: Path, examples: list[dict[str, Any]]) -> list[float]:
    """The sum of the negative log-likelihoods, in nats, of each line's masked tokens."""
    tokenizer, model = loaded(AutoModelForMaskedLM, folder)
    special, found = special_tokens(tokenizer, 0.15), []
    for number, row in enumerate(examples):
        ids, labels = mlm.masked(np.array(tokenizer(row["text"])["input_ids"]), number, special)
        logits_LV = model(input_ids=torch.from_numpy(ids)[None]).logits[0]
        found.append(float(functional.cross_entropy(logits_LV, torch.from_numpy(labels), reduction="sum")))
    return found


def loaded(auto: Any, folder: Path) -> tuple[Any, Any]:
    """The tokenizer and the model of an artifact, whose every weight is in the files."""
    options = {"add_pooling_layer": False} if auto is AutoModel else {}
    model, report = auto.from_pretrained(folder, output_loading_info=True, trust_remote_code=False, **options)
    assert not report["missing_keys"] and not report["mismatched_keys"]
    return AutoTokenizer.from_pretrained(folder, trust_remote_code=False), model.eval()


TEXT = "sources.xtreme.files.{}='tatoeba/{{language}}-en.{{language}}'"
CELLS: dict[str, tuple[Callable[[Path, list[dict[str, Any]]], list[Any]], str]] = {
    "multiple_choice": (choose, "+target=xcopa ~target.training.siqa target.languages=[id,sw] target.splits=[validation]"),
    "tagging": (tag, "+target=panx target.languages=[fi,zh] target.splits=[validation]"),
    "span_qa": (
        answer,
        "+target=xquad target.languages=[de,zh] target.recipe.max_length=512 target.recipe.n_best=512 "
        "target.training.squad_v1.max_examples=40",
    ),
    "retrieval": (
        nearest,
        "+intermediate=lareqa intermediate.recipe.retrieval_pooling=[mean] intermediate.tasks.lareqa.max_examples=64 "
        "intermediate.recipe.max_length=64 "
        "+target=tatoeba target.languages=[sw] target.recipe.retrieval_layers=[7]",
    ),
    "mlm": (
        restore,
        "+target=mlm target.languages=[sw] target.splits=[validation] target.training.mlm.languages=[de] "
        f"target.task.{TEXT.format('validation')} target.training.mlm.task.{TEXT.format('train')} "
        "target.training.mlm.validation=train:-10%",
    ),
}
"""Format -> how transformers predicts, and a cell."""
CLASSIFICATION = (
    "+target=xnli target.languages=[de,sw] target.splits=[validation] target.training.mnli.max_examples=200 "
    "target.recipe.max_steps=6 trainer.checkpoint_every=2 target.max_test_examples=12"
)


def check(ran: Any, predict: Callable[[Path, list[dict[str, Any]]], list[Any]]) -> None:
    """Assert that transformers predicts what the result's predictions are."""
    (file,) = Path(ran.config.output, "predictions").iterdir()
    rows, cell = read_predictions(file), ran.config.target
    found, expected = [], [row["prediction"] for row in rows]
    for language in dict.fromkeys(row["language"] for row in rows):
        examples = load(source_of(cell.task, ran.config.data), rows[0]["split"], [language], cell.max_test_examples)
        with torch.inference_mode():
            found += predict(artifact(ran), list(examples))
    if predict is nearest:
        expected = [ranked[0] for ranked in expected]
    if predict is restore:
        expected = [pytest.approx(nll, rel=1e-4) for nll, _ in expected]
    assert found == expected
    if predict is not classify:  # one of so few steps has one label for all
        assert len({str(prediction) for prediction in found}) > 1


@pytest.mark.parametrize("format", CELLS)
def test_transformers_predicts_the_same(format: str, real_cell: Run, place: Path) -> None:
    predict, cell = CELLS[format]
    check(real_cell(place, *cell.split(), "target.max_test_examples=6"), predict)


@pytest.fixture(scope="module")
def classified(real_cell: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A cell that nothing disturbed, with dropout."""
    place = tmp_path_factory.mktemp("classified")
    yield real_cell(place, *CLASSIFICATION.split())
    shutil.rmtree(place)


def test_transformers_classifies_the_same(classified: Any) -> None:
    check(classified, classify)


def test_a_killed_training_ends_as_an_undisturbed_one(classified: Any, real_cell: Run, place: Path, weights_of: Run) -> None:
    cell = lambda: real_cell(place, *CLASSIFICATION.split())  # noqa: E731
    killed(cell, "step", 5)
    ran = cell()
    assert any(": resuming " in line for line in ran.log)
    assert ran.result["rows"] == classified.result["rows"]
    assert weights_of(artifact(ran)) == weights_of(artifact(classified))


def test_trimming_changes_a_training_by_rounding_alone(classified: Any, real_cell: Run, place: Path) -> None:
    whole = real_cell(place, *CLASSIFICATION.split(), "model.trim_vocabulary=false")
    told = [any(" word embeddings, " in line for line in ran.log) for ran in (classified, whole)]
    assert told == [True, False] and artifact(whole).name == artifact(classified).name
    start = load_file(Path(whole.config.model.name_or_path) / "model.safetensors")
    found, expected = (load_file(artifact(ran) / "model.safetensors") for ran in (classified, whole))
    assert found.keys() == expected.keys()
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, rtol=0, atol=1e-6, msg=lambda text, name=name: f"{name} {text}")
    name = "encoder.layer.8.intermediate.dense.weight"
    assert (expected[f"bert.{name}"] - start[name]).abs().max() > 5e-4, "the bound above is far below what training changes"


def batch_of(real_encoder: Path, shared_data: Path) -> tuple[Tensor, Tensor]:
    """24 sentences in four languages, of different lengths: input_ids_BL and attention_mask_BL."""
    tokenizer = load_tokenizer(str(real_encoder))
    lines = [
        (shared_data / "xtreme" / "tatoeba" / f"{language}-en.{language}").read_text(encoding="utf-8").splitlines()[:6]
        for language in ("de", "fr", "sw", "zh")
    ]
    texts = [" ".join(part[: 1 + number % 4]) for part in lines for number in range(6)]
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    return batch["input_ids"], batch["attention_mask"]


def pass_through(encoder: Encoder, ids_BL: Tensor, mask_BL: Tensor) -> tuple[dict[int, Tensor], Tensor]:
    """Mean vectors of layers 7 and 12, and the gradient of the contrast between neighbours, of all layers, in one vector."""
    encoder.zero_grad()
    states = encoder.hidden_states(ids_BL, mask_BL, [7, 12])
    vectors = {layer: pool(hidden_BLD.float(), mask_BL, "mean", encoder) for layer, hidden_BLD in states.items()}
    unit_BD = functional.normalize(vectors[12])
    functional.cross_entropy(20 * unit_BD[::2] @ unit_BD[1::2].T, torch.arange(len(unit_BD) // 2)).backward()
    gradients = [weight.grad.flatten() for name, weight in encoder.named_parameters() if ".layer." in name]
    return {layer: vector.detach() for layer, vector in vectors.items()}, torch.cat(gradients).double()


def test_padding_free_and_bf16_change_vectors_and_gradients_within_bounds(real_encoder: Path, shared_data: Path) -> None:
    batch, encoder = batch_of(real_encoder, shared_data), Encoder(load_backbone(str(real_encoder), "sdpa")).eval()
    padded, padded_gradient = pass_through(encoder, *batch)
    encoder.leave_padding_out()
    assert encoder.padding_free
    free, gradient = pass_through(encoder, *batch)
    with torch.autocast("cpu", torch.bfloat16):
        half, half_gradient = pass_through(encoder, *batch)
    for layer, vectors_BD in padded.items():
        torch.testing.assert_close(free[layer], vectors_BD, rtol=1e-5, atol=1e-5)
        assert functional.cosine_similarity(half[layer].double(), vectors_BD.double()).min() > 1 - 1e-4
    assert (gradient - padded_gradient).norm() < 1e-5 * padded_gradient.norm()
    assert functional.cosine_similarity(half_gradient, padded_gradient, dim=0) > 0.999
