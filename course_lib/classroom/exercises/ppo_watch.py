"""Let a PPO loop train on the language of four words, watched."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim.optimizer import Optimizer, register_optimizer_step_pre_hook

from course_lib.classroom.exercises.ppo_trace import PROMPTS, SETTINGS, Speaker, Step, Trace, score
from course_lib.training.rollout import Rollout


def run(loop: Callable, *, seed: int = 0, drawn: int = 0) -> Trace:
    """Let a loop train, watched; what it raises passes through with the trace so far as its `trace`.

    `seed` is that of the generator which the loop is given, `drawn` that of the two models.
    """
    trace = Trace()
    trace.policy = Speaker(trace, seed=2 * drawn + 1, by_policy=True)
    trace.reference = Speaker(trace, seed=2 * drawn + 2, by_policy=False).requires_grad_(False)
    trace.begun = {True: trace.policy.table, False: trace.reference.table}

    def noted(rollout: Rollout) -> Float[Tensor, " batch"]:
        trace.rollouts.append(rollout)
        trace.scores.append(score(rollout))
        trace.count(len(trace.rollouts))
        return trace.scores[-1].clone()

    options = {"settings": SETTINGS, "generator": torch.Generator().manual_seed(seed)}
    with watched(trace):
        try:
            trace.returned = loop(trace.policy, trace.reference, PROMPTS, noted, **options)
            if hasattr(trace.returned, "__next__"):
                trace.returned = list(trace.returned)
        except Exception as error:
            error.trace = trace
            raise
    return trace


@contextmanager
def watched(trace: Trace) -> Iterator[None]:
    """Note each gradient and each step of an optimizer that reach the policy."""
    weight = trace.policy.logits
    since = {"weights": None, "sum": 0.0, "last": None}  # the gradients since the weights last changed

    def before_step(optimizer: Optimizer, *_: object) -> None:
        if not any(part is weight for group in optimizer.param_groups for part in group["params"]):
            return
        if not any(known is optimizer for known in trace.optimizers):
            trace.optimizers.append(optimizer)
        any_gradient = weight.grad is not None and bool(weight.grad.any())
        length = nn.utils.get_total_norm([part.grad for part in trace.policy.parameters() if part.grad is not None])
        rate = optimizer.param_groups[0]["lr"]
        trace.steps.append(Step(len(trace.rollouts) - 1, trace.backwards, any_gradient, float(length), float(rate)))
        trace.count(len(trace.steps))

    def fresh(gradient: Tensor) -> None:
        same = since["weights"] is not None and torch.equal(since["weights"], weight)
        total = gradient + since["sum"] if same else gradient.clone()
        since.update(weights=weight.detach().clone(), sum=total, last=gradient.clone())

    def after_backward(parameter: Tensor) -> None:
        trace.backwards += 1
        trace.piled |= not any(torch.allclose(parameter.grad, since[name], atol=1e-6) for name in ("sum", "last"))

    hooks = [weight.register_hook(fresh), weight.register_post_accumulate_grad_hook(after_backward)]
    hooks.append(register_optimizer_step_pre_hook(before_step))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
