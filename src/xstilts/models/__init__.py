"""Encoder and heads."""
