"""Monitor runs: training curves, throughput, and W&B."""
