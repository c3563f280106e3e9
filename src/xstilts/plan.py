"""python -m xstilts.plan: what `train -m` with the same options would do, and why. Downloads nothing, trains nothing.

    python -m xstilts.plan +experiments=phang2020 seed=1,2,3

Shows the waves, what of them exists, what is nearly there and what tells it apart, and what is left to pay for.
"""

import sys

from xstilts import train
from xstilts.launch.cells import failures, start
from xstilts.launch.entry import entry_point


@entry_point()
def main(arguments: list[str] | None = None) -> None:
    """The entry point."""
    given = sys.argv[1:] if arguments is None else arguments
    own = [] if {"-m", "--multirun"} & set(given) else ["-m"]
    # No launcher is needed, and a cluster's may not be installed here.
    added = ["hydra/launcher=basic", "hydra/sweeper=waves", "hydra.sweeper.only_plan=true"]
    start(train.cell, [*own, *given], __doc__, added)
    if failures:
        sys.exit(1)


if __name__ == "__main__":
    main()
