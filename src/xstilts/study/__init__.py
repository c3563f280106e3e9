"""Many cells as one grid: what each costs, in which waves their phases run, and the sweep itself. No torch."""
