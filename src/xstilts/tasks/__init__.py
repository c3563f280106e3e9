"""What a task is: formats, languages, declarations. No I/O, no torch."""
