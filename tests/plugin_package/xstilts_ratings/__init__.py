"""A plug-in of xstilts: texts with a rating, which is a number."""
