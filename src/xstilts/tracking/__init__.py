"""What a person sees of a run while it runs and afterwards: training curves, throughput, and W&B."""
