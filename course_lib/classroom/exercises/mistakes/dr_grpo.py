"""Wrong versions of Dr. GRPO's loss: what a token weighs, and what the gradient goes through."""

import torch

from course_lib.classroom.exercises.exercise import Exercise, Mistake, probe
from course_lib.equations import policy_gradient, ppo

CLIPS = (0.05, 0.15, 0.25)  # no value lies on the edge of a band, where the gradient is open


def _objective(logprobs, old_logprobs, advantages, clip_eps):
    """Of each token, with one advantage a text; nothing is detached."""
    ratio, per_token = torch.exp(logprobs - old_logprobs), advantages.unsqueeze(1).expand_as(logprobs)
    return ppo.clipped_objective(ratio, per_token, clip_eps=clip_eps)


def _summed(lp, old, advantages, mask, clip_eps):
    """Of each text, the sum over its real tokens."""
    return (_objective(lp, old.detach(), advantages.detach(), clip_eps) * mask).sum(1)


def _products(lp, old, advantages, clip_eps):
    """Of each token the ratio times the advantage, unclipped and clipped."""
    ratio, per_token = torch.exp(lp - old.detach()), advantages.detach().unsqueeze(1)
    return torch.stack([ratio * per_token, ratio.clamp(1 - clip_eps, 1 + clip_eps) * per_token])


DR_GRPO_LOSS = Exercise(
    reference=policy_gradient.dr_grpo_loss,
    success="every real token weighs 1 / (texts * longest), however long its text and its batch.",
    gradient_of=("logprobs", "old_logprobs", "advantages"),
    probes=[
        probe(logprobs=[[-1]], old_logprobs=[[-1.1]], advantages=[2], response_mask=[[1]], longest=4, clip_eps=0.2),
        probe(logprobs=[[-1]], old_logprobs=[[-1.5]], advantages=[-2], response_mask=[[1]], longest=4, clip_eps=0.2),
        probe(logprobs=[[-1]], old_logprobs=[[-1.5]], advantages=[2], response_mask=[[1]], longest=4, clip_eps=0.2),
        probe(logprobs=[[-1.5]], old_logprobs=[[-1]], advantages=[2], response_mask=[[1]], longest=4, clip_eps=0.2),
        probe(logprobs=[[-1.5]], old_logprobs=[[-1]], advantages=[-2], response_mask=[[1]], longest=4, clip_eps=0.2),
        probe(
            logprobs=[[-1, -2, -3], [-1.5, -1, -0.5]],
            old_logprobs=[[-1, -2, -3.1], [-1.4, -1, -0.3]],
            advantages=[-1, 3],
            response_mask=[[1, 1, 1], [1, 0, 0]],
            longest=5,
            clip_eps=0.2,
        ),
    ],
    draw=lambda d: {
        "logprobs": d.logprobs(),
        "old_logprobs": d.logprobs(),
        "advantages": d.numbers(d.batch),
        "response_mask": d.mask(),
        "longest": d.one_of(9, 12, 24),
        "clip_eps": d.one_of(*CLIPS),
    },
    mistakes=[
        Mistake(
            "each text's sum is divided by its own length",
            "That is GRPO's loss: a token of a long text then weighs less. Divide by longest, the same for all.",
            lambda lp, old, advantages, mask, *, longest, clip_eps: (
                -(_summed(lp, old, advantages, mask, clip_eps) / mask.sum(1)).mean()
            ),
        ),
        Mistake(
            "the mean is over all real tokens of the batch",
            "Then a token weighs less in a batch of long texts: divide by texts * longest.",
            lambda lp, old, advantages, mask, *, longest, clip_eps: (
                -_summed(lp, old, advantages, mask, clip_eps).sum() / mask.sum()
            ),
        ),
        Mistake(
            "the tokens are added up and never divided by longest",
            "The sum over a text grows with what a text may be: divide it by longest.",
            lambda lp, old, advantages, mask, *, longest, clip_eps: (
                -_summed(lp, old, advantages, mask, clip_eps).mean()
            ),
        ),
        Mistake(
            "the sum is divided by the width of this batch",
            "response_mask.shape[1] is the longest response of this batch and changes with it: take longest.",
            lambda lp, old, advantages, mask, *, longest, clip_eps: (
                -(_summed(lp, old, advantages, mask, clip_eps) / mask.shape[1]).mean()
            ),
        ),
        Mistake(
            "the texts are added up, not averaged",
            "Twice the texts would take twice the step: divide by their number too.",
            lambda lp, old, advantages, mask, *, longest, clip_eps: (
                -_summed(lp, old, advantages, mask, clip_eps).sum() / longest
            ),
        ),
        Mistake(
            "padding is added up with the tokens",
            "What stands at padding is no text: multiply by response_mask before the sum.",
            lambda lp, old, advantages, mask, *, longest, clip_eps: (
                -_objective(lp, old.detach(), advantages.detach(), clip_eps).sum(1).mean() / longest
            ),
        ),
        Mistake(
            "the minus sign before Dr. GRPO's objective is missing",
            "An optimiser makes the loss small; with the minus it makes the objective large.",
            lambda lp, old, advantages, mask, *, longest, clip_eps: (
                _summed(lp, old, advantages, mask, clip_eps).mean() / longest
            ),
        ),
        Mistake(
            "Dr. GRPO's loss clips nothing",
            "It leaves out two divisions, not the clip: clipped_objective of notebook 02.",
            lambda lp, old, advantages, mask, *, longest, clip_eps: (
                -(torch.exp(lp - old.detach()) * advantages.detach().unsqueeze(1) * mask).sum(1).mean() / longest
            ),
        ),
        Mistake(
            "the larger of the two products is taken",
            "The clip takes the smaller one, so that no text gains from a ratio outside the band: torch.minimum.",
            lambda lp, old, advantages, mask, *, longest, clip_eps: (
                -(_products(lp, old, advantages, clip_eps).amax(0) * mask).sum(1).mean() / longest
            ),
        ),
        Mistake(
            "the ratio in Dr. GRPO's loss is always clipped",
            "Take the smaller one of the clipped and the unclipped product: torch.minimum.",
            lambda lp, old, advantages, mask, *, longest, clip_eps: (
                -(_products(lp, old, advantages, clip_eps)[1] * mask).sum(1).mean() / longest
            ),
        ),
        Mistake(
            "the clip is 0.2, whatever clip_eps",
            "The band is from 1 - clip_eps to 1 + clip_eps; 0.2 is only what it is unless told otherwise.",
            lambda lp, old, advantages, mask, *, longest, clip_eps: (
                -_summed(lp, old, advantages, mask, 0.2).mean() / longest
            ),
        ),
        Mistake(
            "the mean over the texts is multiplied by longest",
            "x / texts * longest multiplies: set brackets, x / (texts * longest).",
            lambda lp, old, advantages, mask, *, longest, clip_eps: (
                -_summed(lp, old, advantages, mask, clip_eps).mean() * longest
            ),
        ),
        Mistake(
            "Dr. GRPO's log-probability stands in place of the ratio",
            "With several passes over a batch it takes the ratio to the policy that sampled: exp(new - old).",
            lambda lp, old, advantages, mask, *, longest, clip_eps: (
                -(lp * advantages.detach().unsqueeze(1) * mask).sum(1).mean() / longest
            ),
        ),
        Mistake(
            "Dr. GRPO's advantages or old log-probabilities carry a gradient",
            "The gradient goes to logprobs alone: .detach() the two others.",
            lambda lp, old, advantages, mask, *, longest, clip_eps: (
                -(_objective(lp, old, advantages, clip_eps) * mask).sum(1).mean() / longest
            ),
            also=(
                lambda lp, old, advantages, mask, *, longest, clip_eps: (
                    -(_objective(lp, old.detach(), advantages, clip_eps) * mask).sum(1).mean() / longest
                ),
                lambda lp, old, advantages, mask, *, longest, clip_eps: (
                    -(_objective(lp, old, advantages.detach(), clip_eps) * mask).sum(1).mean() / longest
                ),
            ),
        ),
        Mistake(
            "the ratio in Dr. GRPO's loss is upside down",
            "The policy stands above: exp(logprobs - old_logprobs).",
            lambda lp, old, advantages, mask, *, longest, clip_eps: (
                -(_objective(old.detach(), lp, advantages.detach(), clip_eps) * mask).sum(1).mean() / longest
            ),
        ),
    ],
)
