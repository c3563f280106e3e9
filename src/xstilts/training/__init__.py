"""The worker's side: train and evaluate the model of one phase with Lightning."""
