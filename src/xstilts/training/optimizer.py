"""AdamW with a linear warm-up, as in both published recipes."""

from typing import Any

from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from xstilts.errors import UserError
from xstilts.hyperparameters import Hyperparameters
from xstilts.models.adapters import SCALES


def optimizer(module: nn.Module, hyperparameters: Hyperparameters) -> Optimizer:
    """AdamW over the module's parameters; weight decay spares biases and LayerNorm, as in both recipes, and the scales of IA3."""
    trained = [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad]
    norms = {f"{name}.weight" for name, layer in module.named_modules() if isinstance(layer, nn.LayerNorm)}
    norms |= {name for name, _ in trained if SCALES in name}
    decayed = [parameter for name, parameter in trained if name not in norms and not name.endswith("bias")]
    spared = [parameter for name, parameter in trained if name in norms or name.endswith("bias")]
    if hyperparameters.learning_rate is None:
        raise UserError("hyperparameters: got no learning_rate, expected a number; type recipe.learning_rate=...")
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": hyperparameters.weight_decay or 0.0},
        {"params": spared, "weight_decay": 0.0},
    ]
    return AdamW(
        groups,
        lr=hyperparameters.learning_rate,
        betas=(0.9, hyperparameters.adam_beta2 or 0.999),
        eps=1e-8 if hyperparameters.adam_epsilon is None else hyperparameters.adam_epsilon,
        fused=all(parameter.device.type in ("cpu", "cuda") for _, parameter in trained),  # one kernel instead of ten per matrix
    )


def clip_gradients(adam: Optimizer, max_norm: float) -> Tensor:
    """Scale the gradients of all parameters so that their common norm is at most `max_norm` (0: as they are).

    Returns the norm before, a scalar. Lightning's clipping refuses fused optimizers, because some of them scale gradients.
    """
    parameters = [parameter for group in adam.param_groups for parameter in group["params"] if parameter.grad is not None]
    norm = get_total_norm([parameter.grad for parameter in parameters])
    if max_norm:
        clip_grads_with_norm_(parameters, max_norm, norm)
    return norm


def warmup_steps(hyperparameters: Hyperparameters, total_steps: int) -> int:
    """Optimizer steps of the warm-up."""
    if hyperparameters.warmup_steps is not None:
        return hyperparameters.warmup_steps
    return int((hyperparameters.warmup_fraction or 0.0) * total_steps)


def schedule(adam: Optimizer, hyperparameters: Hyperparameters, total_steps: int) -> LambdaLR:
    """The learning rate's factor at step s: s / warm-up, then 1 (`constant`) or down to 0 at `total_steps` (`linear`)."""
    warmup = warmup_steps(hyperparameters, total_steps)

    def factor(step: int) -> float:
        if step < warmup:
            return step / warmup
        if hyperparameters.schedule == "constant":
            return 1.0
        return max(0.0, (total_steps - step) / max(1, total_steps - warmup))

    return LambdaLR(adam, factor)
