"""From result files to statistics, tables and figures. Reads nothing else."""
