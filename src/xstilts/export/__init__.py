"""A trained model for others: weights that transformers' classes load, and the model card beside them."""
