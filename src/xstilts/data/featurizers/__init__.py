"""One module per format: examples -> features (Arrow) -> padded tensors, and back from the heads' outputs to predictions.

Each module has

- `VERSION`: raised whenever its features change; part of every fingerprint;
- `INPUTS`: the columns that the head's outputs depend on. In evaluation, features that are equal in them go through the encoder
  once, and all get the outputs. Without `INPUTS`, as in the module of mlm, whose masks differ, each feature goes through it;
- `featurize(examples, tokenizer, task, limits, training) -> Dataset`: features with the columns `example` (int32, row of the
  example), `length` (int32, padded tokens that the feature costs in the encoder, all of its rows together), `input_ids`, and
  those of the format. For training, examples without gold are left out;
- `collate(rows, special) -> dict`: a micro-batch, padded to its longest row, with `input_ids` and `attention_mask`
  (int64, B x L) and the targets that the format's head names. -100 marks what has no gold;
- `decode(examples, features, outputs, task, limits) -> list`: one prediction per example, in the examples' order, from one
  dict of arrays per feature. Not for retrieval, whose predictions come from whole pools of vectors;

and it may have

- `confidence(examples, features, outputs, task, limits) -> list`: for each prediction how sure the model is, as JSON values:
  the probability of each label or choice, of the answer and of no answer, or of each tag. `xstilts.store.results` has the forms.
"""

from types import ModuleType

from xstilts.plugins import load_object
from xstilts.tasks.formats import format_named


def featurizer(format: str) -> ModuleType:
    """The module that the format names."""
    module: ModuleType = load_object(format_named(format).featurizer)
    return module
