"""Stop a training at the first number that is NaN or infinite, before it spoils a weight."""

from torch import Tensor, nn

from course_lib.training.errors import NotFiniteError


def require_finite(step: int, **tensors: Tensor) -> None:
    """Raise NotFiniteError, which names the step and the tensor, where a number of a tensor is NaN or infinite."""
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise not_finite(step, name.replace("_", " "))


def require_finite_gradients(step: int, model: nn.Module, norm: Tensor) -> None:
    """The same for a model's gradients, whose norm (before clipping) tells at little cost that all are well."""
    if not norm.isfinite():
        grads = ((name, parameter.grad) for name, parameter in model.named_parameters() if parameter.grad is not None)
        odd = next((name for name, grad in grads if not grad.isfinite().all()), "all weights together")
        raise not_finite(step, f"the gradient of {odd}")


def not_finite(step: int, tensor: str) -> NotFiniteError:
    """The sentence, which a caller that knows of checkpoints can go on with."""
    return NotFiniteError(
        f"Expected finite numbers in step {step}, but {tensor} has NaN or infinity; lower the learning rate or mend "
        "the reward model."
    )
