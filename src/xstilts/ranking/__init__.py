"""Predict which intermediate task helps a target: halving of short runs, scores without training, and how good a ranking is."""
