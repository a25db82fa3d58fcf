"""Stop a training at the first number that is NaN or infinite, before it spoils a weight."""

from torch import Tensor, nn

from course_lib.training.files.errors import NotFiniteError


def require_finite(step: int, name: str, tensor: Tensor) -> None:
    """Raise NotFiniteError, which names the step and the tensor, where one of its numbers is NaN or infinite."""
    if not tensor.isfinite().all():
        raise not_finite(step, name)


def clip_gradients(step: int, model: nn.Module, max_norm: float) -> Tensor:
    """Scale a model's gradients down to a norm, in place, and return the norm that they had.

    Raises:
        NotFiniteError: one of them is not finite; it names the step and the weight.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.grad is not None]
    norm = nn.utils.get_total_norm(parameter.grad for parameter in parameters)
    if not norm.isfinite():
        grads = ((name, parameter.grad) for name, parameter in model.named_parameters() if parameter.grad is not None)
        odd = next((name for name, grad in grads if not grad.isfinite().all()), "all weights together")
        raise not_finite(step, f"the gradient of {odd}")
    nn.utils.clip_grads_with_norm_(parameters, max_norm, norm)
    return norm


def not_finite(step: int, tensor: str) -> NotFiniteError:
    """The sentence, which a caller that knows of checkpoints can go on with."""
    return NotFiniteError(
        f"Expected finite numbers in step {step}, but {tensor} has NaN or infinity; lower the learning rate, or "
        "mend the reward model or an equation of your own."
    )
