"""xstilts evaluate: evaluate a checkpoint with its own head in every language of the target (phase 4). Trains nothing.

    xstilts evaluate model.name_or_path=FOLDER_OR_HUB_ID +target=xnli
    xstilts evaluate -m model.name_or_path=A,B +target=xnli,xquad study=NAME

The checkpoint is of a class of transformers for the target's format, such as XLMRobertaForSequenceClassification, and its
labels are those of the target. If its config.json does not name them, type target.head_labels=[...] in the order of its outputs.
"""

import sys

from xstilts import train
from xstilts.errors import UserError
from xstilts.launch.cells import failures, start
from xstilts.launch.entry import entry_point

HEAD = "target.head=given"


@entry_point()
def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    given = sys.argv[1:] if arguments is None else arguments
    if typed := [word for word in given if word.startswith("target.head=") and word != HEAD]:
        raise UserError(f"got {typed[0]}, but `xstilts evaluate` means {HEAD}: leave it out, or type `xstilts train`")
    start(train.cell, given, __doc__, [HEAD])
    if failures:
        sys.exit(1)


if __name__ == "__main__":
    main()
