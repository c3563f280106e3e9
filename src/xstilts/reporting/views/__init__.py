"""The forms in which a report is shown: HTML page, Markdown, LaTeX, terminal, and a folder of files."""
