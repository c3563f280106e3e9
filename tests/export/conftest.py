"""The fixtures of tests/small_world.py."""

from tests.small_world import (  # noqa: F401
    batch_of,
    bert_tokenizer,
    build,
    examples_of,
    fit,
    in_processes,
    one_thread,
    short_of_memory,
    tiny_model,
    tokenizer,
)
