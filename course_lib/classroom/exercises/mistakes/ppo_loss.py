"""Wrong versions of the exercise on the loss of a minibatch: the policy's and the values'."""

from collections.abc import Callable

import torch

from course_lib.classroom.exercises.exercise import Exercise, Mistake, probe
from course_lib.classroom.exercises.ppo_steps import ppo_loss
from course_lib.equations.ppo import policy_loss, value_loss


def _summed(actor: float | int = 1, critic: float | int = 1, *, critic_weight: int | None = None) -> Callable:
    """The loss with its parts weighed otherwise."""

    def version(logprobs, values, old_logprobs, old_values, advantages, returns, mask, *, clip_eps, vf_coef):
        weight = vf_coef if critic_weight is None else critic_weight
        policy = policy_loss(logprobs, old_logprobs, advantages, mask, clip_eps=clip_eps)
        return actor * policy + critic * weight * value_loss(values, old_values, returns, mask, clip_eps=clip_eps)

    return version


def _with_values_clipped_by(clip_eps_of_values: float | None) -> Callable:
    def version(logprobs, values, old_logprobs, old_values, advantages, returns, mask, *, clip_eps, vf_coef):
        policy = policy_loss(logprobs, old_logprobs, advantages, mask, clip_eps=clip_eps)
        return policy + vf_coef * value_loss(values, old_values, returns, mask, clip_eps=clip_eps_of_values)

    return version


def _exchanged(logprobs, values, old_logprobs, old_values, advantages, returns, mask, *, clip_eps, vf_coef):
    policy = policy_loss(old_logprobs, logprobs, advantages, mask, clip_eps=clip_eps)
    return policy + vf_coef * value_loss(values, old_values, returns, mask, clip_eps=clip_eps)


def _both_over_padding(logprobs, values, old_logprobs, old_values, advantages, returns, mask, **how):
    return ppo_loss(
        logprobs, values, old_logprobs, old_values, advantages * mask, returns, torch.ones_like(mask), **how
    )


def _mean_over_places(*inputs, **how):
    return ppo_loss(*inputs, **how) * inputs[-1].float().mean()


PPO_LOSS = Exercise(
    reference=ppo_loss,
    success="one number whose fall makes good tokens likelier and the values truer.",
    gradient_of=("logprobs", "values"),
    probes=[
        probe(
            logprobs=[[-1]],
            values=[[1]],
            old_logprobs=[[-1.5]],
            old_values=[[0]],
            advantages=[[2]],
            returns=[[3]],
            response_mask=[[1]],
            clip_eps=0.25,
            vf_coef=0.1,
        ),
        probe(
            logprobs=[[-1, -2, -0.5], [-1.5, -1, -3]],
            values=[[1, 0, 2], [3, 1, 1]],
            old_logprobs=[[-1.5, -2, -0.7], [-1.4, -1, -3.1]],
            old_values=[[1.1, -1, 2], [1, 1, 1]],
            advantages=[[2, -1, 1], [3, 4, 5]],
            returns=[[0, 1, 1], [1, 5, 5]],
            response_mask=[[1, 1, 1], [1, 0, 0]],
            clip_eps=0.15,
            vf_coef=0.5,
        ),
    ],
    draw=lambda d: {
        "logprobs": d.logprobs(),
        "values": d.tokens(low=-9, high=9),
        "old_logprobs": d.logprobs(),
        "old_values": d.tokens(low=-9, high=9),
        "advantages": d.tokens(low=-9, high=9),
        "returns": d.tokens(low=-9, high=9),
        "response_mask": d.mask(),
        "clip_eps": d.one_of(0.05, 0.15, 0.25),
        "vf_coef": d.one_of(0.1, 0.5),
    },
    mistakes=[
        Mistake("the objective is gone down", "policy_loss has its minus already: add it as it is.", _summed(actor=-1)),
        Mistake("the value loss is subtracted", "An error is to become small: add it.", _summed(critic=-1)),
        Mistake("the values are left out", "Add vf_coef times the value loss.", _summed(critic=0)),
        Mistake("the policy is left out", "Add it.", _summed(actor=0), also=(_summed(0, critic_weight=1),)),
        Mistake("vf_coef is not used", "It weighs the value loss.", _summed(critic_weight=1)),
        Mistake(
            "vf_coef weighs the policy's part too",
            "Only the value loss is multiplied.",
            lambda *inputs, clip_eps, vf_coef: vf_coef * ppo_loss(*inputs, clip_eps=clip_eps, vf_coef=1.0),
        ),
        Mistake(
            "the value loss is halved once more, or once too seldom",
            "value_loss has its half already; a formula of your own needs one: 0.5 * (values - returns) ** 2.",
            _summed(critic=0.5),
            also=(_summed(critic=2),),
        ),
        Mistake(
            "the values are not clipped by clip_eps",
            "value_loss(values, old_values, returns, response_mask, clip_eps=clip_eps).",
            _with_values_clipped_by(None),
            also=(_with_values_clipped_by(0.2),),
        ),
        Mistake(
            "clip_eps is passed on to neither loss",
            "Each has a default of its own: give clip_eps=clip_eps to policy_loss and to value_loss.",
            lambda *inputs, clip_eps, vf_coef: ppo_loss(*inputs, clip_eps=0.2, vf_coef=vf_coef),
        ),
        Mistake(
            "the ratio is not clipped by clip_eps",
            "policy_loss(logprobs, old_logprobs, advantages, response_mask, clip_eps=clip_eps).",
            lambda *inputs, clip_eps, vf_coef: (
                policy_loss(inputs[0], inputs[2], inputs[4], inputs[-1], clip_eps=1e9)
                + vf_coef * value_loss(inputs[1], inputs[3], inputs[5], inputs[-1], clip_eps=clip_eps)
            ),
            also=(
                lambda *inputs, clip_eps, vf_coef: (
                    policy_loss(inputs[0], inputs[2], inputs[4], inputs[-1], clip_eps=0.2)
                    + vf_coef * value_loss(inputs[1], inputs[3], inputs[5], inputs[-1], clip_eps=clip_eps)
                ),
            ),
        ),
        Mistake(
            "the old log-probabilities are taken anew",
            "The ratio is that of logprobs to old_logprobs, those of the policy that wrote the texts.",
            lambda logprobs, values, old, *rest, **how: ppo_loss(logprobs, values, logprobs.detach(), *rest, **how),
        ),
        Mistake(
            "old and new log-probabilities are exchanged",
            "The new ones come first, the old ones second: policy_loss(logprobs, old_logprobs, ...).",
            _exchanged,
        ),
        Mistake(
            "returns and old_values are exchanged",
            "The values learn the returns: value_loss(values, old_values, returns, ...).",
            lambda *inputs, **how: ppo_loss(*inputs[:3], inputs[5], inputs[4], inputs[3], inputs[6], **how),
        ),
        Mistake(
            "returns stand where advantages belong in the loss",
            "The policy climbs the advantages: policy_loss(logprobs, old_logprobs, advantages, ...).",
            lambda *inputs, **how: ppo_loss(*inputs[:4], inputs[5], *inputs[5:], **how),
        ),
        Mistake(
            "advantages and returns are exchanged",
            "The policy climbs the advantages; the values learn the returns.",
            lambda *inputs, **how: ppo_loss(*inputs[:4], inputs[5], inputs[4], inputs[6], **how),
        ),
        Mistake(
            "means over padding",
            "Give response_mask to both losses; a mean of your own is over x[response_mask].",
            _both_over_padding,
            also=(_mean_over_places,),
        ),
    ],
)
