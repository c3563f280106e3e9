"""CoNLL-U treebanks: words and UPOS tags as in XTREME's udpos files; for mlm, the sentences as plain text.

A multiword token is one word with one tag. The tag is taken from its syntactic word that is nearest to the root, measured as in
XTREME by the number of ancestors over basic and enhanced edges; among equally near words, from the word whose tag comes first in
a list of precedence. With `fused: false` the syntactic words are kept. As in XTREME, U+200C and spaces inside a word are deleted,
empty nodes (`8.1`) are skipped, and a sentence is dropped if all or all but one of its words are `_` (treebanks released without
text).

The rules are those of google-research/xtreme: third_party/ud-conversion-tools (conllu_to_conll.py; lib/conll.py,
_choose_spanhead_from_heuristics) and utils_preprocess.py (udpos_preprocess). On 29 treebanks this reader and that script produced
the same words and tags. Unlike that script, it refuses a sentence whose ids are not 1, 2, 3, ...
"""

import re
from collections.abc import Iterator
from pathlib import Path

from xstilts.errors import UserError
from xstilts.numbering import counted
from xstilts.sources.options import Option
from xstilts.sources.raw import RawExample, excerpt, lines
from xstilts.tasks.declaration import Source

FORMATS = ("tagging", "mlm")

OPTIONS = {
    "fused": Option("true or false", "a multiword token is one word with one tag; false: its syntactic words", "true"),
}
_WORD, _RANGE, _EMPTY_NODE = map(re.compile, (r"[1-9][0-9]{0,8}", r"([1-9][0-9]{0,8})-([1-9][0-9]{0,8})", r"[0-9]+\.[1-9][0-9]*"))
_HEAD = re.compile(r"[0-9]{1,9}")
_PRECEDENCE = {
    "es": "VERB AUX PRON ADP DET",
    "fr": "VERB AUX PRON NOUN ADJ ADV ADP DET PART SCONJ CONJ",
    "it": "VERB AUX ADV PRON ADP DET INTJ",
}
_DEFAULT_PRECEDENCE = "VERB NOUN PROPN PRON ADJ NUM ADV INTJ AUX ADP DET PART CCONJ SCONJ X PUNCT"


def _ancestors(word: int, heads: dict[int, set[int]]) -> int:
    """Return how many nodes, the root included, have a path down to `word`."""
    seen: set[int] = set()
    waiting = [word]
    while waiting:
        for head in heads.get(waiting.pop(), ()):
            if head not in seen:
                seen.add(head)
                waiting.append(head)
    return len(seen - {word})


def _head(span: range, tags: dict[int, str], heads: dict[int, set[int]], precedence: list[str]) -> int:
    """Return the word of a multiword token from which the token takes its tag."""
    depth = {word: _ancestors(word, heads) for word in span}
    highest = [word for word in span if depth[word] == min(depth.values())]
    return min(highest, key=lambda word: precedence.index(tags[word]) if tags[word] in precedence else len(precedence))


def _tokens(rows: list[tuple[str, list[str]]]) -> list[tuple[range, str]]:
    """Return the multiword tokens of a sentence. Raises UserError if ids are not 1, 2, 3, ... or a range does not fit them."""
    tokens: list[tuple[range, str]] = []
    words = last = 0
    for where, (name, form, *_) in rows:
        if words and name.partition("-")[0] == "1":
            raise UserError(
                f"{where}: ids start again at 1, so a blank line is missing between two sentences: put one before this line and "
                "the comments above it"
            )
        if _WORD.fullmatch(name):
            words += 1
            if int(name) != words:
                raise UserError(f"{where}: id {name}, expected {words}: the ids of a sentence run 1, 2, 3")
        elif match := _RANGE.fullmatch(name):
            begin, end = int(match[1]), int(match[2])
            if begin <= last:
                raise UserError(f"{where}: the range {name} repeats or overlaps the range before it, which ends at {last}")
            if end < begin or begin != words + 1:
                raise UserError(f"{where}: the range {name}, expected {words + 1}-N before the word {words + 1}, N not smaller")
            tokens.append((range(begin, end + 1), form))
            last = end
        elif not _EMPTY_NODE.fullmatch(name):
            raise UserError(f"{where}: id '{name}', expected a number such as 3, 3-4 or 3.1")
    if last > words:
        where, name = next((where, cells[0]) for where, cells in rows if cells[0].endswith(f"-{last}"))
        raise UserError(f"{where}: the range {name} reaches beyond the sentence, whose last word is {words}")
    return tokens


def _sentence(rows: list[tuple[str, list[str]]], fused: bool, precedence: list[str]) -> tuple[list[str], list[str]] | None:
    """Return words and tags of a sentence; None if its text is withheld."""
    tokens = _tokens(rows)
    forms: dict[int, str] = {}
    tags: dict[int, str] = {}
    heads: dict[int, set[int]] = {}
    for _, cells in rows:
        if _WORD.fullmatch(cells[0]):
            word = int(cells[0])
            forms[word], tags[word] = cells[1], cells[3]
            enhanced = [pair.partition(":")[0] for pair in cells[8].split("|")] if cells[8] != "_" else []
            heads[word] = {int(head) for head in (cells[6], *enhanced) if _HEAD.fullmatch(head)}
    for span, form in tokens if fused else []:
        head = _head(span, tags, heads, precedence)
        forms[span[0]], tags[span[0]] = form, tags[head]
        for word in span[1:]:
            del forms[word]
    withheld = sum(form == "_" for form in forms.values())
    if withheld and withheld >= len(forms) - 1:
        return None
    order = sorted(forms)
    return [forms[word].replace("\u200c", "").replace(" ", "") for word in order], [tags[word] for word in order]


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[RawExample | UserError]:
    """Yield rows with `words`, `tags` and `text`; `where` is a sentence's first word line.

    A sentence with a line that cannot be read is left out; a UserError stands for each of these lines.

    `text` is taken from the comment `# text = `; if it is missing, it is the words joined by spaces.
    """
    path, fused = files["data"], source.options.get("fused", True)
    precedence = _PRECEDENCE.get(language, _DEFAULT_PRECEDENCE).split()
    sentence: list[tuple[str, list[str]]] = []
    text, broken = "", False
    for number, line in [*lines(path), (0, "")]:
        if line.startswith("#"):
            name, equals, value = line[1:].partition("=")
            text = value.strip() if equals and name.strip() == "text" else text
            continue
        if line.strip():
            cells = line.split("\t")
            if len(cells) != 10:
                message = f"{counted(len(cells), 'column')}, expected the 10 of CoNLL-U separated by TAB"
                yield UserError(f"{path}:{number}: {message}; got {excerpt(line)}")
                broken = True
            else:
                sentence.append((f"{path}:{number}", cells))
        elif sentence or broken:
            try:
                if not broken and (words_and_tags := _sentence(sentence, fused, precedence)):
                    words, tags = words_and_tags
                    yield RawExample(sentence[0][0], {"words": words, "tags": tags, "text": text or " ".join(words)})
            except UserError as error:
                yield error
            sentence, text, broken = [], "", False
