"""`python -m xstilts`: the same as the console script `xstilts`."""

import sys

from xstilts.cli import main

sys.exit(main())
