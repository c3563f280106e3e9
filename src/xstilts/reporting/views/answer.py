"""The first section of a report: the study's question, and a sentence with a verdict for each declared comparison."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xstilts.reporting.declared import EXPLORATORY, PRIMARY
from xstilts.reporting.views import markdown

if TYPE_CHECKING:
    from xstilts.reporting.analysis import Analysis

TITLE = "Answer"
UNDECLARED = (
    "This study declares no question, so nothing here is its answer: name primary comparisons under `analysis:` in the study's "
    "file before you run it (docs/questions.md)."
)


@dataclass(frozen=True)
class Sentence:
    """The answer to one comparison in words."""

    name: str
    text: str


@dataclass(frozen=True)
class AnswerSection:
    """The texts of the section; without a declaration only `note`."""

    question: str
    note: str
    """When the question was declared, and whether that has changed; or that nothing is declared."""
    primary: tuple[Sentence, ...] = ()
    exploratory: tuple[Sentence, ...] = ()

    @property
    def families(self) -> Iterator[tuple[str, tuple[Sentence, ...]]]:
        """Yield the heading of each family of comparisons that has any, and its sentences."""
        if self.primary:
            yield "", self.primary
        if self.exploratory:
            yield "Exploratory, to be confirmed by another study", self.exploratory


def answer_section(analysis: "Analysis") -> AnswerSection:
    """Return the section of a study."""
    if analysis.declared is None:
        return AnswerSection("", UNDECLARED)
    sentences: dict[str, list[Sentence]] = {PRIMARY: [], EXPLORATORY: []}
    for row in analysis.answers.itertuples():
        name = f"{row.question} ({row.condition})" if row.condition else row.question
        sentences[row.family].append(Sentence(name, row.text))
    question = analysis.declared.analysis.question
    return AnswerSection(question, analysis.declared.origin(), *map(tuple, sentences.values()))


def answer_text(section: AnswerSection) -> str:
    """Write the section as plain text."""
    lines = [TITLE, *filter(None, [section.question, section.note])]
    for heading, sentences in section.families:
        lines += [f"{heading}:"] if heading else []
        lines += [f"- {one.name}: {one.text}" for one in sentences]
    return "\n".join(lines) + "\n"


def answer_markdown(section: AnswerSection) -> str:
    """Write the section in Markdown."""
    paragraphs = [f"## {TITLE}", *(markdown.text(part) for part in (section.question, section.note) if part)]
    for heading, sentences in section.families:
        paragraphs += [f"{heading}:"] if heading else []
        paragraphs.append("\n".join(f"- **{markdown.text(one.name)}**: {markdown.text(one.text)}" for one in sentences))
    return "\n\n".join(paragraphs) + "\n"
