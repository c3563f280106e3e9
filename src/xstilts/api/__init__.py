"""The Python API: what the commands do, with objects in place of files and lines. `import xstilts` offers the public names.

Every function takes the words of the command line (`"+target=xnli"`, `"seed=2"`) and raises `UserError` with the line that the
command would print. pandas, datasets and transformers are imported where they are first needed.
"""

from xstilts.api.cells import Cell, Plan, plan, run
from xstilts.api.studies import Study, load_study
from xstilts.api.tasks import Task, load_examples
from xstilts.errors import UserError

__all__ = ["Cell", "Plan", "Study", "Task", "UserError", "load_examples", "load_study", "plan", "run"]
