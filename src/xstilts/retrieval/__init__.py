"""Embedded sentences -> ranked or mined candidates: exact nearest neighbours, margin scoring, and one function per protocol."""
