"""Wrong versions of the exercise on PPO's policy loss."""

import torch

from course_lib.classroom.exercises.exercise import Exercise, Mistake, probe
from course_lib.equations import ppo

# No value lies on the edge of a band, where the gradient is open: right answers differ there.
CLIPS = (0.05, 0.15, 0.25)


def _objective(logprobs, old_logprobs, advantages, clip_eps):
    return ppo.clipped_objective(torch.exp(logprobs - old_logprobs), advantages, clip_eps=clip_eps)


def _detached(logprobs, old_logprobs, advantages, clip_eps):
    return _objective(logprobs, old_logprobs.detach(), advantages.detach(), clip_eps)


def _products(logprobs, old_logprobs, advantages, clip_eps):
    ratio = torch.exp(logprobs - old_logprobs.detach())
    return ratio * advantages.detach(), ratio.clamp(1 - clip_eps, 1 + clip_eps) * advantages.detach()


def _bounded(logprobs, old_logprobs, advantages, mask, lowest, highest):
    ratio, advantages = torch.exp(logprobs - old_logprobs.detach()), advantages.detach()
    return -torch.minimum(ratio * advantages, ratio.clamp(lowest, highest) * advantages)[mask].mean()


def _minimum_of_means(logprobs, old_logprobs, advantages, mask, *, clip_eps):
    products = _products(logprobs, old_logprobs, advantages, clip_eps)
    return -torch.minimum(*(product[mask].mean() for product in products))


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
        probe(logprobs=[[-1.5]], old_logprobs=[[-1]], advantages=[[-2]], response_mask=[[1]], clip_eps=0.2),
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
    draw=lambda d: {
        "logprobs": d.logprobs(),
        "old_logprobs": d.logprobs(),
        "advantages": d.tokens(),
        "response_mask": d.mask(),
        "clip_eps": d.one_of(*CLIPS),
    },
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
        Mistake(
            "the policy loss has no lower bound on the ratio",
            "Where the advantage is negative it must not pay to fall below 1 - clip_eps: clip on both sides.",
            lambda lp, old, advantages, mask, *, clip_eps: _bounded(lp, old, advantages, mask, None, 1 + clip_eps),
        ),
        Mistake(
            "the policy loss has no upper bound on the ratio",
            "Where the advantage is positive it must not pay to rise above 1 + clip_eps: clip on both sides.",
            lambda lp, old, advantages, mask, *, clip_eps: _bounded(lp, old, advantages, mask, 1 - clip_eps, None),
        ),
        Mistake(
            "the policy loss takes the smaller of two means",
            "The clip is each token's own: take the minimum token by token, and the mean of that.",
            _minimum_of_means,
        ),
        Mistake(
            "the policy loss takes the larger product",
            "Of the two products the smaller one counts, so that a large change never looks good: torch.minimum.",
            lambda lp, old, advantages, mask, *, clip_eps: (
                -torch.maximum(*_products(lp, old, advantages, clip_eps))[mask].mean()
            ),
        ),
    ],
)
