"""xstilts plan: show what `train -m` with the same options would do, and why. Downloads nothing, trains nothing.

    xstilts plan +experiments=phang2020 seed=1,2,3

Shows the waves, which artifacts exist, which stored artifacts differ only slightly and in what, the remaining cost,
and for each target the smallest difference from no intermediate task that the study would find (docs/seeds.md).
"""

import sys

from xstilts import train
from xstilts.launch.cells import failures, start
from xstilts.launch.entry import entry_point


@entry_point()
def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    given = sys.argv[1:] if arguments is None else arguments
    multirun = [] if {"-m", "--multirun"} & set(given) else ["-m"]
    # No launcher is needed, and a cluster's launcher may not be installed here.
    added = ["hydra/launcher=basic", "hydra/sweeper=waves", "hydra.sweeper.only_plan=true"]
    start(train.cell, [*multirun, *given], __doc__, added)
    if failures:
        sys.exit(1)


if __name__ == "__main__":
    main()
