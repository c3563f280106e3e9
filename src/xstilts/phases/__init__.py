"""What one phase does: its job, its inputs from the Hub, training to an artifact, evaluation to a result."""
