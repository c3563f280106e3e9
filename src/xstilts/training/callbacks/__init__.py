"""Lightning callbacks: validation and checkpoints, progress, throughput, training dynamics, and a graceful stop."""
