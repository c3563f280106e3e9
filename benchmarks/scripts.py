"""One cell as a script after transformers' examples trains and tests it: `python -m benchmarks.scripts CELL.json`.

Written after what run_glue, run_swag, run_ner and run_qa do, in their best settings: `datasets` keeps the tokenized data for
other cells, batches are padded to their longest row and grouped by length, and nothing is evaluated or saved in between. Phase 2
and phase 3 are one process, which saves the imports of a second; a test set is sorted by length.

CELL.json is written by benchmarks/grid.py. `told.json` in its folder gets the steps and real tokens of each phase, and the
predictions: language -> id -> prediction.
"""

import json
import sys
from pathlib import Path
from typing import Any

import datasets
import torch
import transformers
from datasets import Dataset, load_dataset
from transformers import (
    AutoModel,
    AutoModelForMultipleChoice,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForMultipleChoice,
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)

MODELS: dict[str, Any] = {
    "classification": AutoModelForSequenceClassification,
    "multiple_choice": AutoModelForMultipleChoice,
    "span_qa": AutoModelForQuestionAnswering,
    "tagging": AutoModelForTokenClassification,
    "retrieval": AutoModel,
}
COLLATORS: dict[str, Any] = {"multiple_choice": DataCollatorForMultipleChoice, "tagging": DataCollatorForTokenClassification}
TRAINED_ON = ["input_ids", "attention_mask", "labels", "start_positions", "end_positions", "length"]
"""Columns of the tokenized data that a batch of training has; `length` is for its order alone."""


def classification(rows: dict[str, list[Any]], tokenizer: Any, task: dict[str, Any]) -> Any:
    """Pairs of texts, and the number of the label."""
    made = tokenizer(rows["text_a"], rows["text_b"], truncation=True, max_length=task["max_length"])
    made["labels"] = [task["labels"].index(label) for label in rows["label"]]
    return made


def multiple_choice(rows: dict[str, list[Any]], tokenizer: Any, task: dict[str, Any]) -> Any:
    """The prompt with each of its choices."""
    count = len(rows["choices"][0])
    prompts = [prompt for prompt in rows["prompt"] for _ in range(count)]
    choices = [choice for of_one in rows["choices"] for choice in of_one]
    flat = tokenizer(prompts, choices, truncation=True, max_length=task["max_length"])
    made = {name: [values[row : row + count] for row in range(0, len(values), count)] for name, values in flat.items()}
    return made | {"labels": rows["label"]}


def tagging(rows: dict[str, list[Any]], tokenizer: Any, task: dict[str, Any]) -> Any:
    """The words of a sentence; the first token of each has its tag."""
    made = tokenizer(rows["words"], is_split_into_words=True, truncation=True, max_length=task["max_length"])
    made["labels"], made["first"] = [], []
    for row, tags in enumerate(rows["tags"]):
        words = made.word_ids(row)
        first = [place for place, word in enumerate(words) if word is not None and word != words[place - 1]]
        labels = [-100] * len(words)
        for place in first:
            labels[place] = task["labels"].index(tags[words[place]])
        made["labels"].append(labels)
        made["first"].append(first)
    return made


def span_qa(rows: dict[str, list[Any]], tokenizer: Any, task: dict[str, Any]) -> Any:
    """Windows of the context, and the first and last token of the answer; the tokenizer's stride is what two windows share."""
    made = tokenizer(
        rows["question"],
        rows["context"],
        truncation="only_second",
        max_length=task["max_length"],
        stride=task["doc_stride"],
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    made["example"] = made.pop("overflow_to_sample_mapping")
    made["start_positions"], made["end_positions"] = [], []
    for window, example in enumerate(made["example"]):
        of_context = [part == 1 for part in made.sequence_ids(window)]
        spans = [span if inside else None for span, inside in zip(made["offset_mapping"][window], of_context, strict=True)]
        made["offset_mapping"][window] = [list(span or (-1, -1)) for span in spans]
        answer = rows["answers"][example][0]
        start, end = answer["start"], answer["start"] + len(answer["text"])
        inside = [place for place, span in enumerate(spans) if span and span[0] < end and span[1] > start]
        whole = inside and spans[inside[0]][0] <= start and spans[inside[-1]][1] >= end
        made["start_positions"].append(inside[0] if whole else 0)
        made["end_positions"].append(inside[-1] if whole else 0)
    return made


def retrieval(rows: dict[str, list[Any]], tokenizer: Any, task: dict[str, Any]) -> Any:
    """Single texts."""
    return tokenizer(rows["text"], truncation=True, max_length=task["max_length"])


def with_lengths(rows: dict[str, list[Any]], tokenizer: Any, task: dict[str, Any]) -> Any:
    """The tokenized rows of the task's format, with the number of their tokens."""
    tokenize = {made.__name__: made for made in (classification, multiple_choice, tagging, span_qa, retrieval)}[task["format"]]
    made = tokenize(rows, tokenizer, task)
    made["length"] = [len(ids) if isinstance(ids[0], int) else sum(map(len, ids)) for ids in made["input_ids"]]
    return made


def tokenized(file: str, encoder: str, task: dict[str, Any]) -> tuple[Dataset, Dataset]:
    """The rows of the file and their tokens; with the first encoder's tokenizer, or `datasets` would not find its cache again."""
    rows: Any = load_dataset("json", data_files=file, split="train")
    told = {"tokenizer": AutoTokenizer.from_pretrained(encoder, trust_remote_code=False), "task": task}
    return rows, rows.map(with_lengths, batched=True, remove_columns=rows.column_names, fn_kwargs=told)


class Counting:
    """Pads batches, and counts their real tokens."""

    def __init__(self, format: str, tokenizer: Any) -> None:
        self.pad, self.tokens = COLLATORS.get(format, DataCollatorWithPadding)(tokenizer), 0

    def __call__(self, rows: list[dict[str, Any]]) -> Any:
        batch = self.pad([{name: values for name, values in row.items() if name != "length"} for row in rows])
        self.tokens += int(batch["attention_mask"].sum())
        return batch


def trainer_of(model: Any, data: Dataset, collator: Counting, folder: str, **options: Any) -> Trainer:
    """A Trainer that says and keeps nothing."""
    settings = TrainingArguments(
        folder,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=not torch.cuda.is_available(),
        remove_unused_columns=False,
        **options,
    )
    kept = data.select_columns([name for name in TRAINED_ON if name in data.column_names])
    trainer = Trainer(model, settings, data_collator=collator, train_dataset=kept)
    trainer.remove_callback(PrinterCallback)
    return trainer


def train(task: dict[str, Any], start: str, encoder: str, folder: str, seed: int) -> dict[str, int]:
    """Train on the task from the weights in `start` and save them in `folder`; the steps and the real tokens."""
    _, data = tokenized(task["train"], encoder, task)
    transformers.set_seed(seed)
    model = model_of(task, start, classifier_dropout=task["head_dropout"])
    tokenizer = AutoTokenizer.from_pretrained(encoder, trust_remote_code=False)
    collator = Counting(task["format"], tokenizer)
    trainer = trainer_of(
        model,
        data,
        collator,
        folder,
        seed=seed,
        num_train_epochs=task["epochs"],
        per_device_train_batch_size=task["batch_size"],
        learning_rate=task["learning_rate"],
        weight_decay=task["weight_decay"],
        warmup_steps=task["warmup_fraction"],
        max_grad_norm=task["max_grad_norm"],
        train_sampling_strategy="group_by_length",
    )
    trainer.train()
    model.save_pretrained(folder)
    return {"steps": trainer.state.global_step, "tokens": collator.tokens}


def model_of(task: dict[str, Any], folder: str, **options: Any) -> Any:
    """The task's model with the weights in the folder; what is missing there, or has another size, is fresh."""
    options["num_labels"] = len(task["labels"]) or 2  # of span QA: start and end; the phase before may have had more
    return MODELS[task["format"]].from_pretrained(folder, trust_remote_code=False, ignore_mismatched_sizes=True, **options)


def predict(task: dict[str, Any], start: str, encoder: str, folder: str) -> dict[str, dict[str, Any]]:
    """The predictions for each language's file: id -> prediction."""
    model = model_of(task, start)
    collator = Counting(task["format"], AutoTokenizer.from_pretrained(encoder, trust_remote_code=False))
    found = {}
    for language, file in task["tests"].items():
        rows, data = tokenized(file, encoder, task)
        data = data.add_column("row", list(range(len(data)))).sort("length")
        if task["format"] == "retrieval":
            found[language] = matched(model.eval(), rows, data, collator, task)
            continue
        inputs = data.select_columns(["input_ids", "attention_mask"])
        # Without grouping by length, which would shuffle the predictions too.
        trainer = trainer_of(model, inputs, collator, folder, per_device_eval_batch_size=task["eval_batch_size"])
        outputs = trainer.predict(inputs).predictions  # type: ignore[arg-type]
        found[language] = answers(rows, data, outputs) if task["format"] == "span_qa" else labels(rows, data, outputs, task)
    return found


def labels(rows: Dataset, data: Dataset, logits: Any, task: dict[str, Any]) -> dict[str, Any]:
    """The best label, choice or tags."""
    best, ids, names = logits.argmax(-1), rows["id"], task["labels"]
    found: dict[str, Any] = {}
    for place, row in enumerate(data["row"]):
        if task["format"] == "tagging":
            found[ids[row]] = [names[best[place, first]] for first in data[place]["first"]]
        else:
            found[ids[row]] = names[best[place]] if names else int(best[place])
    return found


def answers(rows: Dataset, data: Dataset, outputs: Any, most: int = 20, longest: int = 30) -> dict[str, str]:
    """The text between the best start and end of all windows of a question, of the `most` best ones of each."""
    ids, texts = rows["id"], rows["context"]
    best: dict[int, tuple[float, str]] = {}
    for place, window in enumerate(data):
        spans: Any = window["offset_mapping"]  # type: ignore[call-overload]
        example = window["example"]  # type: ignore[call-overload]
        starts, ends = (values[place][: len(spans)].argsort()[::-1][:most].tolist() for values in outputs)
        pairs = [
            (float(outputs[0][place][start] + outputs[1][place][end]), texts[example][spans[start][0] : spans[end][1]])
            for start in starts
            for end in ends
            if 0 <= end - start < longest and spans[start][0] >= 0 and spans[end][0] >= 0
        ]
        best[example] = max([*pairs, best.get(example, (-float("inf"), ""))])
    return {ids[example]: text for example, (_, text) in best.items()}


@torch.inference_mode()
def matched(model: Any, rows: Dataset, data: Dataset, collator: Counting, task: dict[str, Any]) -> dict[str, list[str]]:
    """The candidate with the largest cosine for each query, of hidden states of one layer, averaged over tokens."""
    vectors: list[Any] = [None] * len(rows)
    inputs = data.select_columns(["input_ids", "attention_mask"])
    for first in range(0, len(data), task["eval_batch_size"]):
        chosen = range(first, min(first + task["eval_batch_size"], len(data)))
        batch = collator([inputs[place] for place in chosen]).to(model.device)
        hidden = model(**batch, output_hidden_states=True).hidden_states[task["layer"]]
        mask = batch["attention_mask"].unsqueeze(-1)
        means = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1)
        for place, vector in zip(chosen, means, strict=True):
            vectors[data[place]["row"]] = vector
    ids, sides = rows["id"], rows["side"]
    queries, candidates = ([row for row, side in enumerate(sides) if side == name] for name in ("query", "candidate"))
    pools = [torch.stack([vectors[row] for row in pool]) for pool in (queries, candidates)]
    best = (pools[0] @ pools[1].T).argmax(1).tolist()
    return {ids[query]: [ids[candidates[place]]] for query, place in zip(queries, best, strict=True)}


def main(arguments: list[str]) -> None:
    """Train the phases of a cell one after the other, then test."""
    cell = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    transformers.logging.set_verbosity_error()
    datasets.disable_progress_bars()
    place, trained = cell["encoder"], []
    for number, phase in enumerate(cell["phases"]):
        folder = f"{cell['folder']}/{number}"
        trained.append(train(phase, place, cell["encoder"], folder, cell["seed"]))
        place = folder
    told = {"trained": trained, "predictions": predict(cell["target"], place, cell["encoder"], cell["folder"])}
    Path(cell["folder"], "told.json").write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
