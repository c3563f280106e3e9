"""The model card of a trained artifact, its README.md: what is noted beside the weights, and the words and licences in it."""
