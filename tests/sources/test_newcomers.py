"""The eight public data sets of docs/own_examples.md: small copies of their files, read with the YAML that stands there."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from xstilts.cell.checks.tasks import task_problems
from xstilts.config import DataConfig
from xstilts.errors import UserError
from xstilts.sources import languages_with_data, source_of
from xstilts.sources.load import load
from xstilts.tasks.declaration import Source, Task

PAGE = Path(__file__).resolve().parents[2] / "docs" / "own_examples.md"
BLOCK = re.compile(r"^```yaml\n# (\w+): (\w+); ([\w, ]+?)(?:; labels ([\w, -]+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
METRIC = {"classification": "accuracy", "multiple_choice": "accuracy", "span_qa": "squad", "tagging": "tagging_f1"}


def tasks() -> dict[str, Task]:
    """The tasks of the page: a comment says name, format, languages and labels, the rest is the source."""
    found = {}
    for name, format, languages, labels, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        source: Any = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Source), yaml.safe_load(text)))
        found[name] = Task(
            name=name,
            format=format,
            languages=languages.split(", "),
            labels=labels.split(", ") if labels else [],
            metrics=[METRIC[format]],
            evaluate=["test"] if "test" in source.files else ["validation"],
            sources={"xtreme": source},
        )
    return found


TASKS = tasks()


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8", newline="")


def read(folder: Path, name: str, split: str, *languages: str) -> list[dict[str, Any]]:
    task, data = TASKS[name], DataConfig(root=str(folder))
    assert languages_with_data(source_of(task, data), split) == list(languages)
    return load(source_of(task, data), split, languages).to_list()


def test_eight_data_sets_stand_on_the_page() -> None:
    assert set(TASKS) == {"farstail", "kornli", "klue_nli", "jcommonsenseqa", "persian_qa", "arcd", "masakhaner", "uner"}
    for task in TASKS.values():
        assert list(task_problems(task, source_of(task, DataConfig()))) == []


def test_farstail(tmp_path: Path) -> None:
    write(
        tmp_path,
        "FarsTail/data/Test-word.csv",
        "premise\thypothesis\tlabel\thard(hypothesis)\thard(overlap)\n"
        'خزان عشق \t"ترانه ""شد خزان"" برای اولین بار"\te\t0\t1\n«دوران» نام دارد.\tامام رضا(ع)\tc\t0\t0\n',
    )
    rows = read(tmp_path, "farstail", "test", "fa")
    assert [row["text_b"] for row in rows] == ['ترانه "شد خزان" برای اولین بار', "امام رضا(ع)"]
    assert [row["label"] for row in rows] == ["entailment", "contradiction"]


def test_kornli(tmp_path: Path) -> None:
    lines = [
        "sentence1\tsentence2\tgold_label",
        '"그리고 그는 말했다.\t엄마, 저 왔어요.\tneutral',
        '버스가 "그래"\t"아니"\tcontradiction',
    ]
    write(tmp_path, "KorNLI/xnli.dev.ko.tsv", "\n".join(lines) + "\n")
    rows = read(tmp_path, "kornli", "validation", "ko")
    assert [f"{row['text_a']}\t{row['text_b']}\t{row['label']}" for row in rows] == lines[1:]


def test_klue_nli(tmp_path: Path) -> None:
    pairs = [
        {
            "guid": f"klue-nli-v1_dev_0000{n}",
            "source": "airbnb",
            "premise": f"방 {n}",
            "hypothesis": "흡연",
            "gold_label": "neutral",
        }
        for n in range(2)
    ]
    write(tmp_path, "klue-nli-v1/klue-nli-v1_dev.json", json.dumps(pairs, indent=4, ensure_ascii=False))
    rows = read(tmp_path, "klue_nli", "validation", "ko")
    assert [(row["id"], row["text_a"], row["label"]) for row in rows] == [
        ("klue-nli-v1_dev_00000", "방 0", "neutral"),
        ("klue-nli-v1_dev_00001", "방 1", "neutral"),
    ]
    write(
        tmp_path,
        "klue-nli-v1/klue-nli-v1_dev.json",
        json.dumps([*pairs, pairs[0] | {"guid": "x", "gold_label": "중립"}], indent=4),
    )
    with pytest.raises(
        UserError, match=r"klue-nli-v1_dev\.json:16: element 3: unknown label '중립', expected one of contradiction"
    ):
        read(tmp_path, "klue_nli", "validation", "ko")


def test_jcommonsenseqa(tmp_path: Path) -> None:
    row = {"q_id": 3, "question": "主に子ども向けのもので、イラストのついた物語が書かれているものはどれ?", "label": 2}
    row |= {f"choice{n}": text for n, text in enumerate(["世界", "写真集", "絵本", "論文", "図鑑"])}
    write(tmp_path, "jcommonsenseqa-v1.1/valid-v1.1.json", json.dumps(row, ensure_ascii=False) + "\n")
    (found,) = read(tmp_path, "jcommonsenseqa", "validation", "ja")
    assert (found["id"], found["choices"][found["label"]]) == ("3", "絵本")


def squad(*questions: dict[str, Any], context: str) -> str:
    return json.dumps(
        {"data": [{"title": "t", "paragraphs": [{"context": context, "qas": list(questions)}]}]}, ensure_ascii=False
    )


def test_persian_qa(tmp_path: Path) -> None:
    context = "شرکت فولاد مبارکه در سال ۱۳۷۱ آغاز به کار کرد."
    answer = {"text": "۱۳۷۱", "answer_start": context.index("۱۳۷۱"), "answer_end": 29}
    questions = [
        {"id": 1, "question": "چه سالی؟", "is_impossible": False, "answers": [answer]},
        {"id": 2, "question": "کجا؟", "is_impossible": True, "answers": []},
    ]
    write(tmp_path, "PersianQA/dataset/pqa_test.json", squad(*questions, context=context))
    first, second = read(tmp_path, "persian_qa", "validation", "fa")
    assert (first["answers"][0]["text"], second["answers"]) == ("۱۳۷۱", [])


def test_arcd(tmp_path: Path) -> None:
    context = "ولد جمال أحمد حمزة خاشقجي في المدينة المنورة في 13 أكتوبر."
    place = context.index("المدينة المنورة")
    questions = [
        {"id": f"{n}", "question": "؟", "answers": [{"text": text, "answer_start": start}]}
        for n, (text, start) in enumerate([("المدينة المنورة", place), ("المدينة المنورة", place + 1), ("مكة المكرمة", 3)])
    ]
    unique = [
        question | {"id": f"{number}-{question['id']}"}
        for number in range(20)
        for question in questions[: 3 if number == 0 else 2]
    ]
    write(tmp_path, "SOQAL/data/arcd-test.json", squad(*unique, context=context))
    rows = read(tmp_path, "arcd", "test", "ar")
    assert len(rows) == 41, "all are kept for the evaluation, which compares texts"
    assert {row["answers"][0]["text"] for row in rows} == {"المدينة المنورة", "مكة المكرمة"}
    placed = [row["answers"][0]["start"] for row in rows if row["answers"][0]["text"] == "المدينة المنورة"]
    assert set(placed) == {place}


def test_masakhaner(tmp_path: Path) -> None:
    write(tmp_path, "masakhane-ner/data/swa/test.txt", "Wizara O\nya O\nAfya B-ORG\n\nMei B-DATE\n2020 I-DATE\n")
    write(tmp_path, "masakhane-ner/data/hau/test.txt", "A O\nSaurari O\n\n")
    rows = read(tmp_path, "masakhaner", "test", "swa", "hau")
    assert [(row["language"], row["words"], row["tags"]) for row in rows] == [
        ("swa", ["Wizara", "ya", "Afya"], ["O", "O", "B-ORG"]),
        ("swa", ["Mei", "2020"], ["O", "O"]),
        ("hau", ["A", "Saurari"], ["O", "O"]),
    ]
    write(tmp_path, "masakhane-ner/data/hau/test.txt", "A O\nSaurari B-MISC\nB B-X\nC B-X\n")
    with pytest.raises(UserError) as raised:
        read(tmp_path, "masakhaner", "test", "swa", "hau")
    assert str(raised.value).endswith(
        "hau/test.txt:2: unknown tag 'B-MISC' of the word 'Saurari', expected one of O, B-PER, I-PER, B-ORG, I-ORG, B-LOC, "
        "I-LOC. Not declared: B-X (2), B-MISC (1). Add them to the task's labels, or map them in the source, for instance "
        'labels: {"B-X": O}'
    )


def test_uner(tmp_path: Path) -> None:
    head = "# newdoc id = weblog\n# sent_id = 1\n# text = From the AP comes #1 :\n"
    write(
        tmp_path,
        "UNER_English-EWT/en_ewt-ud-test.iob2",
        head + "1\tFrom\tB-O\t-\tann\n2\tAP\tB-ORG\t-\tann\n3\t#\tO\n\n# sent_id = 2\n1\t:\tO\n",
    )
    write(tmp_path, "UNER_Chinese-GSD/zh_gsd-ud-test.iob2", "# sent_id = 1\n1\t北京\tB-LOC\t-\tann\n2\t很\tO\t-\tann\n\n")
    rows = read(tmp_path, "uner", "test", "en", "zh")
    assert [(row["words"], row["tags"]) for row in rows] == [
        (["From", "AP", "#"], ["O", "B-ORG", "O"]),
        ([":"], ["O"]),
        (["北京", "很"], ["B-LOC", "O"]),
    ]
