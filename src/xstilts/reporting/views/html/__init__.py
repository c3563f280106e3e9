"""A study's report as one HTML file that needs nothing else: data, style and program are inside it."""
