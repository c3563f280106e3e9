"""xstilts check-task: what a task's files hold, and every problem at once."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from xstilts import check_task

NER = """defaults: [schema, _self_]
name: names
format: tagging
languages: [hau, ibo, swa]
labels: [O, B-PER, I-PER, B-LOC]
metrics: [tagging_f1]
evaluate: [test]
sources:
  xtreme:
    reader: conll
    files: {train: "ner/{language}/train.txt", test: "ner/{language}/test.txt"}
"""
QA = """defaults: [schema, _self_]
name: asked
format: span_qa
languages: [en, sw]
metrics: [squad]
evaluate: [test]
sources:
  xtreme: {reader: squad, files: {train: {en: train.json}, test: "test-{language}.json"}}
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Write a file under the test's folder, which is the current one."""
    monkeypatch.chdir(tmp_path)

    def _write(name: str, content: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")

    (tmp_path / "files").mkdir()
    return _write


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str], list[str]]:
    """The exit code, the lines of the report before its problems, and the problems."""
    code = check_task.main(list(words))
    assert code is not None
    report, _, last = capsys.readouterr().out.rpartition("\n\n")
    first, *problems = last.splitlines()
    assert first.endswith(("no problem", "problem:", "problems:"))
    return code, report.splitlines(), [line.strip() for line in problems]


def squad(**answers: list[tuple[str, int]]) -> str:
    """One paragraph with a question for each keyword, whose value lists its answers and their positions."""
    questions = [
        {"id": name, "question": "who?", "answers": [{"text": text, "answer_start": start} for text, start in found]}
        for name, found in answers.items()
    ]
    return json.dumps({"data": [{"paragraphs": [{"context": "Ada met Bob", "qas": questions}]}]})


def test_counts_shares_examples_and_remarks(write: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]) -> None:
    write("my/task/names.yaml", NER)
    for language in ("hau", "ibo", "swa"):
        write(f"files/ner/{language}/test.txt", "Musa B-PER\nya O\n\nKano B-LOC\n" if language != "swa" else "Musa\nya\n")
    write("files/ner/hau/train.txt", "Musa B-PER\nya O\nso O\n\nA O\n" * 3)
    code, report, problems = told(capsys, "my/task/names.yaml", "data.root=files")
    assert (code, problems) == (0, [])
    assert report == [
        "task names: tagging, tagging_f1; source xtreme, under data.root=files",
        "",
        "split  language  examples  labels",
        "train  hau              4  O 75.0%, B-PER 25.0%",
        "test   hau              2  B-PER 33.3%, O 33.3%, B-LOC 33.3%",
        "test   ibo              2  B-PER 33.3%, O 33.3%, B-LOC 33.3%",
        "test   swa              1  no labels",
        "",
        "hau, the first examples of train:",
        '  id: train-0 | words: ["Musa", "ya", "so"] | tags: ["B-PER", "O", "O"]',
        '  id: train-1 | words: ["A", "Musa", "ya", "so"] | tags: ["O", "B-PER", "O", "O"]',
        '  id: train-2 | words: ["A", "Musa", "ya", "so"] | tags: ["O", "B-PER", "O", "O"]',
        "",
        "ibo, the first examples of test:",
        '  id: test-0 | words: ["Musa", "ya"] | tags: ["B-PER", "O"]',
        '  id: test-1 | words: ["Kano"] | tags: ["B-LOC"]',
        "",
        "swa, the first examples of test:",
        '  id: test-0 | words: ["Musa", "ya"]',
        "",
        "to know:",
        "  names, test: no gold in swa: predictions without a score",
        "  train: no example has the label I-PER, B-LOC",
    ]


def test_every_problem_of_every_file_is_listed(write: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]) -> None:
    write("my/task/names.yaml", NER.replace("reader: conll", "reader: examples").replace(".txt", ".json"))
    rows = [
        {"id": "a", "words": ["x"], "tags": ["O"]},
        {"id": "a", "words": ["x"], "tags": ["O"]},
        {"id": "b", "words": ["x", "y"], "tags": ["O"]},
        {"id": "c", "words": ["x"], "tags": ["B-ORG"]},
        {"id": "d", "words": ["x"], "tags": ["B-ORG"]},
        {"id": "e", "words": "x", "tags": ["O"]},
        {"id": "", "words": ["x"], "tags": ["O"]},
        {"id": "f", "tags": ["O"]},
    ]
    write("files/ner/hau/test.json", "[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
    write("files/ner/hau/train.json", '{"words": ["x"], "tags": ["O"]}\n{"words": []}\n')
    write("files/ner/swa/test.json", '{"words": ["x"], "tags": ["O"]\n')
    code, report, problems = told(capsys, "my/task/names.yaml", "data.root=files")
    assert code == 1 and "test   hau              1  O 100.0%" in report and "train  hau              1  O 100.0%" in report
    place = "files/ner/hau/test.json"
    expected = [
        "files/ner/hau/train.json:2: a sentence without words",
        "no test data of task 'names' in language 'ibo': looked for files/ner/ibo/test.json; ",
        f"{place}:7: element 6: words: got 'x', expected a list of texts",
        f"{place}:8: element 7: an empty id; ",
        f"{place}:9: element 8: no column 'words'; the row has id, tags: set columns.words in the source",
        f"{place}:3: element 2: id 'a' was used at {place}:2: element 1 already; ",
        f"{place}:4: element 3: 1 tag for 2 words",
        f"{place}:5: element 4: unknown tag 'B-ORG' of the word 'x', expected one of O, B-PER, I-PER, B-LOC. Not declared: "
        "B-ORG (2). ",
        "files/ner/swa/test.json:1: not JSON",
    ]
    assert len(problems) == len(expected)
    for line, start in zip(problems, expected, strict=True):
        assert line.startswith(start), line


def test_answers_that_are_not_in_their_context(write: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]) -> None:
    write("my/task/asked.yaml", QA)
    write("files/train.json", squad(a=[("Ada", 0)], b=[]))
    write("files/test-en.json", squad(a=[("Ada", 0)], b=[("Eve", 0)], c=[("Dan", 4)]))
    write("files/test-sw.json", squad(a=[("Bob", 8)], b=[]))
    code, report, problems = told(capsys, "my/task/asked.yaml", "data.root=files")
    assert code == 1 and "test   sw               2  answers 50.0%, no answers 50.0%" in report
    assert [line.partition(";")[0] for line in problems] == [
        "files/test-en.json: question 'b': answer 'Eve' is not at 0 of its context, 'Ada' is",
        "files/test-en.json: question 'c': answer 'Dan' is not at 4 of its context, 'met' is",
    ]


def test_of_many_problems_of_a_file_the_number_of_the_rest_is_told(
    write: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    write("my/task/names.yaml", NER.replace("reader: conll", "reader: examples").replace("[hau, ibo, swa]", "[hau]"))
    write("files/ner/hau/test.txt", '{"words": ["x"], "tags": []}\n' * 50)
    write("files/ner/hau/train.txt", '{"words": ["x"], "tags": ["O"]}\n')
    code, _, problems = told(capsys, "my/task/names.yaml", "data.root=files")
    assert code == 1 and len(problems) == 21 and problems[-1] == "test, hau: 30 more problems"


def test_after_a_line_that_cannot_be_read_the_others_are_checked(
    write: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    write("my/task/names.yaml", NER.replace("[hau, ibo, swa]", "[hau]"))
    write("files/ner/hau/test.txt", "Musa B-PER\r\nO\r\n\r\nya O \r\n\r\nA B-ORG\r\n\r\nso O\r\nKanoB-LOC\r\nta zo O")
    write("files/ner/hau/train.txt", "a O\n\n" * 30 + "O\n\n" * 25)
    code, report, problems = told(capsys, "my/task/names.yaml", "data.root=files")
    assert code == 1 and {"train  hau             30  O 100.0%", "test   hau              1  O 100.0%"} <= set(report)
    wanted = "expected 2 (words, tags) separated by blanks"
    assert problems[:20] == [f"files/ner/hau/train.txt:{line}: 1 column, {wanted}; got 'O'" for line in range(61, 101, 2)]
    assert problems[20:-1] == [
        "train, hau: 5 more problems",
        f"files/ner/hau/test.txt:2: 1 column, {wanted}; got 'O'",
        f"files/ner/hau/test.txt:9: 1 column, {wanted}; got 'KanoB-LOC'",
        f"files/ner/hau/test.txt:10: 3 columns, {wanted}; if a word contains blanks, separate all columns by TAB; got 'ta zo O'",
    ]
    assert problems[-1].startswith("files/ner/hau/test.txt:6: unknown tag 'B-ORG' of the word 'A'")


NLI = """defaults: [schema, _self_]
name: nli
format: classification
languages: [ha, ig]
labels: ["no", "yes"]
metrics: [accuracy]
evaluate: [test]
sources:
  xtreme:
    reader: jsonl
    options: {keep: {meta.lang: "{language}"}}
    files: {test: test.jsonl}
    columns: {text_a: premise.text, label: gold}
    labels: {"0": "no", "1": "yes"}
"""


def test_a_file_of_several_languages_whose_fields_lie_in_objects(
    write: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    write("my/task/nli.yaml", NLI)
    rows = [{"meta": {"lang": code}, "premise": {"text": "a"}, "gold": gold} for code in ("ha", "ig") for gold in (0, 1, None)]
    write("files/test.jsonl", "\n".join([*map(json.dumps, rows[:3]), "not JSON", '{"meta": {}}', *map(json.dumps, rows[3:])]))
    code, report, problems = told(capsys, "my/task/nli.yaml", "data.root=files")
    assert code == 1 and report[3:5] == [
        "test   ha               3  no 50.0%, yes 50.0%, no label: 1 example",
        "test   ig               3  no 50.0%, yes 50.0%, no label: 1 example",
    ]
    assert len(problems) == 2 and problems[0].startswith("files/test.jsonl:4: not JSON (")
    assert problems[1] == "files/test.jsonl:5: no column 'meta.lang' (options.keep); the row has meta"


def test_problems_of_the_declaration_come_first_and_alone(
    write: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    write("my/task/names.yaml", NER.replace("labels:", "lables:").replace("evaluate:", "evalute:"))
    code, _, problems = told(capsys, "my/task/names.yaml", "data.root=files")
    assert code == 1 and [line.partition(": did")[0] for line in problems] == [
        "task/names.yaml:5: unknown key of a task 'lables'",
        "task/names.yaml:7: unknown key of a task 'evalute'",
    ]
    write("my/task/names.yaml", NER.replace("conll", "squad").replace("tagging_f1", "accuracy"))
    code, _, problems = told(capsys, "my/task/names.yaml", "data.root=files")
    assert code == 1 and len(problems) == 2 and "squad reads the format span_qa" in problems[1]


def test_languages_and_splits_are_limited(write: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]) -> None:
    write("my/task/names.yaml", NER)
    write("files/ner/hau/test.txt", "Musa B-PER\n")
    limits = ("target.languages=[hau]", "target.splits=[test]")
    code, report, _ = told(capsys, "names", "--config-dir=my", "data.root=files", *limits)
    assert code == 0 and report[3:4] == ["test   hau              1  B-PER 100.0%"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "got no task, expected one: its file, such as my/task/reviews.yaml"),
        (["xnli", "xquad"], "got xnli and xquad, expected one"),
        (["xnly"], "unknown task 'xnly': did you mean xnli"),
        (["my/task/none.yaml"], "there is no file 'my/task/none.yaml'"),
        (["my/names.yaml"], "expected a file NAME.yaml in a folder named task"),
        (["my/task/names.yaml", "--config-dir=my"], "leave --config-dir out"),
        (["my/task/names.yaml"], "task names has no source hub, and its source xtreme needs its folder: type data.root=PATH"),
        (["my/task/names.yaml", "data.root=nowhere"], "data.root=nowhere: no such folder"),
        (["my/task/names.yaml", "data.rot=files"], "unknown option 'data.rot': did you mean data.root"),
        (["my/task/names.yaml", "data.root=files", "target.languages=[xx]"], "unknown language in target.languages 'xx'"),
    ],
)
def test_a_wrong_command_has_code_2(
    words: list[str], message: str, write: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    write("my/task/names.yaml", NER)
    write("my/names.yaml", NER)
    with pytest.raises(SystemExit) as ended:
        check_task.main(words)
    shown = capsys.readouterr()
    assert ended.value.code == 2 and shown.out == "" and shown.err.startswith("error: ") and message in shown.err


@pytest.mark.slow
def test_a_task_of_the_catalogue_in_a_process_without_torch(write: Callable[[str, str], None], tmp_path: Path) -> None:
    write("files/xquad/xquad.th.json", squad(a=[("Bob", 8)]))
    words = ["xquad", "data=xtreme", "data.root=files", "data.expect=false", "target.languages=[th]"]
    program = (
        f"import sys; from xstilts import check_task; code = check_task.main({words!r}); print('torch' in sys.modules, code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.endswith("\nno problem\nFalse 0\n"), done.stdout + done.stderr
    assert "test   th               1  answers 100.0%" in done.stdout


@pytest.mark.slow
def test_a_language_that_is_declared_without_a_split_is_no_problem(
    write: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """XTREME has no development data of Thai parts of speech."""
    for language in ("de", "th"):
        write(f"files/udpos/test-{language}.tsv", "a\n")
    words = ("udpos", "data=xtreme", "data.root=files", "target.languages=[th,de]", "target.splits=[validation,test]")
    _, _, (problem,) = told(capsys, *words)
    assert problem.startswith("no validation data of task 'udpos' in language 'de': looked for files/udpos/dev-de.tsv")
    write("my/task/nli.yaml", NLI.replace("test: test.jsonl", "train: train.jsonl, test: test.jsonl"))
    rows = [json.dumps({"meta": {"lang": code}, "premise": {"text": "a"}, "gold": 0}) for code in ("ha", "ig")]
    write("files/train.jsonl", rows[0])
    write("files/test.jsonl", "\n".join(rows))
    code, report, problems = told(capsys, "my/task/nli.yaml", "data.root=files")
    assert (code, problems) == (0, []) and not any(line.startswith("train  ig") for line in report)
    write("files/test.jsonl", rows[0])
    _, _, (problem,) = told(capsys, "my/task/nli.yaml", "data.root=files")
    assert problem == "files/test.jsonl: no row fits options.keep, expected test data of task 'nli' in 'ig'"
