"""CoNLL-U treebanks -> words and UPOS tags, the way XTREME makes its udpos files; and their sentences as plain text, for mlm.

Option `fused` (default true): a multiword token replaces its syntactic words by its surface form with one tag. The tag is that
of the word nearest to the root, counted as XTREME counts it: by the number of ancestors over basic and enhanced edges; where
several words are equally near, of the one whose tag comes first in a list of precedence. With `fused: false` the syntactic
words are kept. As in XTREME, U+200C and spaces inside a word are deleted, empty nodes (`8.1`) are skipped, and a sentence is
dropped if all of its words, or all but one, are `_` (treebanks released without text).

Confirmed by reading: the choice of the head in google-research/xtreme third_party/ud-conversion-tools/lib/conll.py
(_choose_spanhead_from_heuristics), the clean-up in utils_preprocess.py (udpos_preprocess). The lists of precedence are those of
a public copy of the ud-conversion-tools' conllu_to_conll.py; XTREME's own copy of that script was not available to compare.
On Tamil-TTB's training file (UD releases differ) this yields XTREME's 400 sentences word by word and 5,733 of their 5,734 tags,
519 of the 520 fused ones.
"""

from collections.abc import Iterator
from pathlib import Path

from xstilts.errors import UserError
from xstilts.sources.raw import Row, lines
from xstilts.tasks.declaration import Source

_PRECEDENCE = {
    "es": "VERB AUX PRON ADP DET",
    "fr": "VERB AUX PRON NOUN ADJ ADV ADP DET PART SCONJ CONJ",
    "it": "VERB AUX ADV PRON ADP DET INTJ",
}
_DEFAULT_PRECEDENCE = "VERB NOUN PROPN PRON ADJ NUM ADV INTJ AUX ADP DET PART CCONJ SCONJ X PUNCT"


def _ancestors(word: int, heads: dict[int, set[int]]) -> int:
    """How many nodes (the root too) have a path down to `word`."""
    seen: set[int] = set()
    waiting = [word]
    while waiting:
        for head in heads.get(waiting.pop(), ()):
            if head not in seen:
                seen.add(head)
                waiting.append(head)
    return len(seen - {word})


def _head(span: range, tags: dict[int, str], heads: dict[int, set[int]], precedence: list[str]) -> int:
    """The word of a multiword token whose tag the token gets."""
    depth = {word: _ancestors(word, heads) for word in span}
    highest = [word for word in span if depth[word] == min(depth.values())]
    return min(highest, key=lambda word: precedence.index(tags[word]) if tags[word] in precedence else len(precedence))


def _sentence(rows: list[tuple[str, list[str]]], fused: bool, precedence: list[str]) -> tuple[list[str], list[str]] | None:
    """Words and tags of one sentence, or None if its text is withheld."""
    forms: dict[int, str] = {}
    tags: dict[int, str] = {}
    heads: dict[int, set[int]] = {}
    tokens: list[tuple[range, str]] = []
    for where, cells in rows:
        first, dash, last = cells[0].partition("-")
        try:
            if dash:
                tokens.append((range(int(first), int(last) + 1), cells[1]))
            elif "." not in first:
                forms[int(first)], tags[int(first)] = cells[1], cells[3]
                enhanced = [pair.partition(":")[0] for pair in cells[8].split("|")] if cells[8] != "_" else []
                heads[int(first)] = {int(head) for head in (cells[6], *enhanced) if head.isdigit()}
        except ValueError:
            raise UserError(f"{where}: id '{cells[0]}', expected a number such as 3, 3-4 or 3.1") from None
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


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[Row]:
    """Rows with `words`, `tags` and `text`; `where` is a sentence's first word line.

    `text` is that of the comment `# text = `, or the words joined by spaces where it is missing.
    """
    path, fused = files["data"], source.options.get("fused", True)
    precedence = _PRECEDENCE.get(language, _DEFAULT_PRECEDENCE).split()
    sentence: list[tuple[str, list[str]]] = []
    text = ""
    for number, line in [*lines(path), (0, "")]:
        if line.startswith("#"):
            name, equals, value = line[1:].partition("=")
            text = value.strip() if equals and name.strip() == "text" else text
            continue
        if line.strip():
            cells = line.split("\t")
            if len(cells) != 10:
                raise UserError(f"{path}:{number}: {len(cells)} column(s), expected the 10 of CoNLL-U parted by TAB")
            sentence.append((f"{path}:{number}", cells))
        elif sentence:
            made = _sentence(sentence, fused, precedence)
            if made:
                yield Row(sentence[0][0], {"words": made[0], "tags": made[1], "text": text or " ".join(made[0])})
            sentence, text = [], ""
