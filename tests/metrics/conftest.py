"""Processes for the metrics that are summed over several."""

from tests.small_world import in_processes  # noqa: F401
