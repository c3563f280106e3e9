"""Tasks: their formats, languages and declarations. No I/O, no torch."""
