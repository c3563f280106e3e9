"""Read lines such as `4.5 * A warm and funny film`."""

from xstilts.errors import UserError
from xstilts.sources.raw import RawExample, lines

FORMATS = ("rating",)


def read(files, source, split, language):
    """Rows with `text` and `rating`. UserError for a line without a star."""
    for number, line in lines(files["data"]):
        rating, star, text = line.partition(" * ")
        if not star:
            raise UserError(f"{files['data']}:{number}: no ' * ', expected a rating, ' * ' and a text")
        yield RawExample(f"{files['data']}:{number}", {"rating": rating, "text": text})
