"""Encoder, heads, the LightningModule, optimisation and the export of checkpoints."""
