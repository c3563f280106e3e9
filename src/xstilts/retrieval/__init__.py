"""Rank or mine candidates for embedded sentences: exact nearest neighbours, margin scoring, and one function per protocol."""
