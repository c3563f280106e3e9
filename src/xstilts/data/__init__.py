"""Examples -> features -> batches: featurizers, the plan of training steps, loaders, the DataModule."""
