"""Processes, ranks and signals: how a phase gets a process of its own, and how it ends. No torch."""
