"""Wrong versions of the exercises on PPO's two losses."""

import torch

from course_lib.classroom.exercises.exercise import Exercise, Mistake, probe
from course_lib.equations import ppo
from course_lib.equations.masking import masked_mean


def _objective(logprobs, old_logprobs, advantages, clip_eps):
    return ppo.clipped_objective(torch.exp(logprobs - old_logprobs), advantages, clip_eps=clip_eps)


def _detached(logprobs, old_logprobs, advantages, clip_eps):
    return _objective(logprobs, old_logprobs.detach(), advantages.detach(), clip_eps)


def _mean_of_row_means(values, mask):
    return ((values * mask).sum(1) / mask.sum(1)).mean()


POLICY_LOSS = Exercise(
    reference=ppo.policy_loss,
    success="every real token counts the same, padding not at all, and the gradient goes to logprobs alone.",
    gradient_of=("logprobs", "old_logprobs", "advantages"),
    probes=[
        probe(logprobs=[[-1]], old_logprobs=[[-1.1]], advantages=[[2]], response_mask=[[1]], clip_eps=0.2),
        probe(logprobs=[[-1]], old_logprobs=[[-1.5]], advantages=[[2]], response_mask=[[1]], clip_eps=0.2),
        probe(logprobs=[[-1]], old_logprobs=[[-1.5]], advantages=[[-2]], response_mask=[[1]], clip_eps=0.2),
        probe(
            logprobs=[[-1, -3]], old_logprobs=[[-1, -2.9]], advantages=[[2, 5]], response_mask=[[1, 0]], clip_eps=0.2
        ),
        probe(
            logprobs=[[-1, -2, -0.5], [-1.5, -1, -3]],
            old_logprobs=[[-1.5, -2, -0.7], [-1.4, -1, -3.1]],
            advantages=[[2, -1, 1], [3, 4, 5]],
            response_mask=[[1, 1, 1], [1, 0, 0]],
            clip_eps=0.1,
        ),
    ],
    mistakes=[
        Mistake(
            "the minus sign before the objective is missing",
            "An optimiser makes the loss small; with the minus it makes the objective large.",
            lambda lp, old, advantages, mask, *, clip_eps: _detached(lp, old, advantages, clip_eps)[mask].mean(),
        ),
        Mistake(
            "the mean of the policy loss is taken over padding too",
            "Keep the real tokens alone: objective[response_mask].mean().",
            lambda lp, old, advantages, mask, *, clip_eps: -_detached(lp, old, advantages, clip_eps).mean(),
        ),
        Mistake(
            "the policy loss is 0 at padding, but divided by all tokens",
            "Divide by the number of real tokens: response_mask.sum().",
            lambda lp, old, advantages, mask, *, clip_eps: -(_detached(lp, old, advantages, clip_eps) * mask).mean(),
        ),
        Mistake(
            "the policy loss is the mean of the rows' means",
            "A token of a short text would count more: take one mean over all real tokens.",
            lambda lp, old, advantages, mask, *, clip_eps: (
                -_mean_of_row_means(_detached(lp, old, advantages, clip_eps), mask)
            ),
        ),
        Mistake(
            "the policy loss is a sum over the tokens",
            "Longer batches would take larger steps: divide by the number of real tokens.",
            lambda lp, old, advantages, mask, *, clip_eps: -_detached(lp, old, advantages, clip_eps)[mask].sum(),
        ),
        Mistake(
            "tokens are added up, rows averaged",
            "A long text would count more than its share: take one mean over all real tokens.",
            lambda lp, old, advantages, mask, *, clip_eps: (
                -(_detached(lp, old, advantages, clip_eps) * mask).sum(1).mean()
            ),
        ),
        Mistake(
            "the advantages are not detached",
            "They are a judgement, not something to improve here: advantages.detach().",
            lambda lp, old, advantages, mask, *, clip_eps: (
                -_objective(lp, old.detach(), advantages, clip_eps)[mask].mean()
            ),
        ),
        Mistake(
            "old_logprobs are not detached",
            "The policy that sampled is in the past and stays as it is: old_logprobs.detach().",
            lambda lp, old, advantages, mask, *, clip_eps: (
                -_objective(lp, old, advantages.detach(), clip_eps)[mask].mean()
            ),
        ),
        Mistake(
            "neither old_logprobs nor the advantages are detached",
            "The gradient goes to logprobs alone: .detach() the two others.",
            lambda lp, old, advantages, mask, *, clip_eps: -_objective(lp, old, advantages, clip_eps)[mask].mean(),
        ),
        Mistake(
            "logprobs are detached, and old_logprobs learn",
            "It is the other way round: .detach() old_logprobs and the advantages.",
            lambda lp, old, advantages, mask, *, clip_eps: (
                -_objective(lp.detach(), old, advantages.detach(), clip_eps)[mask].mean()
            ),
        ),
        Mistake(
            "the exponential of the ratio is missing",
            "The ratio is exp(logprobs - old_logprobs), 1 for equal policies.",
            lambda lp, old, advantages, mask, *, clip_eps: (
                -ppo.clipped_objective((lp - old).detach(), advantages, clip_eps=clip_eps)[mask].mean()
            ),
        ),
        Mistake(
            "the ratio in the policy loss is upside down",
            "The policy stands above: exp(logprobs - old_logprobs).",
            lambda lp, old, advantages, mask, *, clip_eps: -_detached(old, lp, advantages, clip_eps)[mask].mean(),
        ),
        Mistake(
            "the log-probability stands in place of the ratio",
            "That is the plain policy gradient; PPO compares with the policy that sampled, and clips.",
            lambda lp, old, advantages, mask, *, clip_eps: -(lp * advantages)[mask].mean(),
        ),
        Mistake(
            "the policy loss clips nothing",
            "Take the minimum with the clipped ratio times the advantages.",
            lambda lp, old, advantages, mask, *, clip_eps: -(torch.exp(lp - old) * advantages)[mask].mean(),
        ),
        Mistake(
            "the policy loss clips without the minimum",
            "When the ratio went the wrong way the clip hides it: take the minimum of the two products.",
            lambda lp, old, advantages, mask, *, clip_eps: (
                -(torch.exp(lp - old).clamp(1 - clip_eps, 1 + clip_eps) * advantages)[mask].mean()
            ),
        ),
    ],
)


def _errors(values, old_values, returns, clip_eps):
    clipped_values = values.clamp(old_values - clip_eps, old_values + clip_eps)
    return (values - returns) ** 2, (clipped_values - returns) ** 2


def _larger(values, old_values, returns, clip_eps):
    return torch.maximum(*_errors(values, old_values, returns, clip_eps))


VALUE_LOSS = Exercise(
    reference=ppo.value_loss,
    success="a value gains nothing by moving further than clip_eps from its old one, and padding has no part.",
    gradient_of=("values",),
    probes=[
        probe(values=[[1]], old_values=[[0]], returns=[[2]], response_mask=[[1]], clip_eps=0.2),
        probe(values=[[1]], old_values=[[0]], returns=[[0]], response_mask=[[1]], clip_eps=0.2),
        probe(values=[[1, 4]], old_values=[[0, 4]], returns=[[2, 9]], response_mask=[[1, 0]], clip_eps=0.5),
        probe(
            values=[[1, 2, 3], [4, 6, 7]],
            old_values=[[1, 0, 4], [4.5, 1, 2]],
            returns=[[3, 4, 0], [5, 0, 0]],
            response_mask=[[1, 1, 1], [1, 0, 0]],
            clip_eps=0.3,
        ),
    ],
    mistakes=[
        Mistake(
            "the one half is missing in the value loss",
            "Multiply by 0.5, so that the gradient is the error itself.",
            lambda v, old, returns, mask, *, clip_eps: _larger(v, old, returns, clip_eps)[mask].mean(),
        ),
        Mistake(
            "the smaller error is taken",
            "The clip must not make a loss look smaller than it is: take the maximum.",
            lambda v, old, returns, mask, *, clip_eps: (
                0.5 * torch.minimum(*_errors(v, old, returns, clip_eps))[mask].mean()
            ),
        ),
        Mistake(
            "only the clipped value is used",
            "Take the larger of the two squared errors, that of the value and that of the clipped value.",
            lambda v, old, returns, mask, *, clip_eps: 0.5 * _errors(v, old, returns, clip_eps)[1][mask].mean(),
        ),
        Mistake(
            "the value is not clipped",
            "Compare with the value kept within clip_eps of the old one, and take the larger error.",
            lambda v, old, returns, mask, *, clip_eps: 0.5 * _errors(v, old, returns, clip_eps)[0][mask].mean(),
        ),
        Mistake(
            "the value is clipped around 1, like a ratio",
            "Clip it around its old value: between old_values - clip_eps and old_values + clip_eps.",
            lambda v, old, returns, mask, *, clip_eps: (
                0.5 * _larger(v, torch.ones_like(v), returns, clip_eps)[mask].mean()
            ),
        ),
        Mistake(
            "the mean of the value loss is taken over padding too",
            "Keep the real tokens alone: squared_errors[response_mask].mean().",
            lambda v, old, returns, mask, *, clip_eps: 0.5 * _larger(v, old, returns, clip_eps).mean(),
        ),
        Mistake(
            "the value loss is 0 at padding, but divided by all tokens",
            "Divide by the number of real tokens: response_mask.sum().",
            lambda v, old, returns, mask, *, clip_eps: 0.5 * (_larger(v, old, returns, clip_eps) * mask).mean(),
        ),
        Mistake(
            "the value loss is the mean of the rows' means",
            "A token of a short text would count more: take one mean over all real tokens.",
            lambda v, old, returns, mask, *, clip_eps: (
                0.5 * _mean_of_row_means(_larger(v, old, returns, clip_eps), mask)
            ),
        ),
        Mistake(
            "the value loss is a sum over the tokens",
            "Divide by the number of real tokens.",
            lambda v, old, returns, mask, *, clip_eps: 0.5 * _larger(v, old, returns, clip_eps)[mask].sum(),
        ),
        Mistake(
            "the errors are not squared",
            "Square them: the absolute error pulls a little error as hard as a large one.",
            lambda v, old, returns, mask, *, clip_eps: (
                0.5 * masked_mean(_larger(v, old, returns, clip_eps).sqrt(), mask)
            ),
        ),
        Mistake(
            "the larger error is taken of the means, not of each token",
            "Take the maximum token by token, then the mean.",
            lambda v, old, returns, mask, *, clip_eps: (
                0.5 * torch.maximum(*(error[mask].mean() for error in _errors(v, old, returns, clip_eps)))
            ),
        ),
    ],
)
