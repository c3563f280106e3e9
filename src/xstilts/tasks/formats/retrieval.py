"""retrieval: sentences -> embeddings; a query is to find its relevant candidates.

One row per text, queries and candidates in one table.
"""

import json
from collections.abc import Sequence

from xstilts.tasks.format import Example, Format, Predictions, Protocol, Submission


def problem(example: Example, labels: Sequence[str]) -> str | None:
    """Return what is wrong with the example, or None."""
    if not example["text"]:
        return "an empty text"
    if example["side"] not in ("query", "candidate"):
        return f"side '{example['side']}', expected query or candidate"
    return None


def _source_id(name: str, language: str) -> str:
    """The id that the source gave: `de/en-000000057` -> `en-000000057`."""
    return name.removeprefix(f"{language}/")


def _write_numbers(rows: Predictions, language: str) -> str:
    """For each English line the number, from 0, of the other language's line.

    The gold file of xstilts' source is the inverse: for each line of the other language the number of its English line. The
    official google-research/xtreme third_party/evaluate_retrieval.py indexes the other language and asks with English, one line
    of output per English line, and so does this.
    """
    return "".join(f"{int(row['prediction'][0].rpartition('-')[2])}\n" for row in rows)


def _write_pairs(rows: Predictions, language: str) -> str:
    """`id TAB English id`, a line for each mined pair."""
    pairs = [(_source_id(row["id"], language), _source_id(name, language)) for row in rows for name in row["prediction"]]
    return "".join(f"{source}\t{english}\n" for source, english in pairs)


def _write_ranking(rows: Predictions, language: str) -> str:
    """An object: mention id -> entity ids, the best first."""
    return json.dumps({_source_id(row["id"], language): row["prediction"] for row in rows}) + "\n"


FORMAT = Format(
    name="retrieval",
    fields={
        "id": "string",  # unique among all texts of the task and split, in all languages
        "language": "string",  # of the pair or pool that the row belongs to (the `de` of de-en also for its English side)
        "side": "string",  # "query" or "candidate"
        "text": "string",
        "context": "string",  # follows `text` in the encoder's input (a passage around an answer); null: none
        "relevant": ["string"],  # of a query: ids of its candidates; empty: none; null: no gold. Null for candidates.
    },
    head="xstilts.models.heads.retrieval:RetrievalHead",
    featurizer="xstilts.data.featurizers.retrieval",
    predictions="",
    problem=problem,
    perturbed=("text",),  # of queries
    gold="relevant",
    may_be_null=("context",),
    candidate=("side", "candidate"),
    embeds=True,
    protocols={
        "sentence_matching": Protocol(  # Tatoeba
            search="xstilts.retrieval.protocols:sentence_matching",
            predictions="ranking",
            default_metric="retrieval_accuracy",
            submission=Submission("tsv", _write_numbers, r".*-\d+", "the id of a line", is_list=True, by_line=True),
        ),
        "bitext_mining": Protocol(  # BUCC
            search="xstilts.retrieval.protocols:bitext_mining",
            predictions="pairs",
            default_metric="bitext_f1",
            submission=Submission("tsv", _write_pairs, r"[^\t\r\n]+", "the id of a sentence", is_list=True),
            has_threshold=True,
        ),
        "answer_retrieval": Protocol(  # LAReQA, Mewsli-X
            search="xstilts.retrieval.protocols:answer_retrieval",
            predictions="ranking",
            default_metric="map_at_20",
            submission=Submission("json", _write_ranking, is_list=True),
            shared_candidates=True,
        ),
    },
    shortest=3,
    limits=("max_length", "max_query_length"),
)
