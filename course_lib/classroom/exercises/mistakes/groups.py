"""Wrong versions of the exercises about groups: the advantages of RLOO and of GRPO."""

import torch

from course_lib.classroom.exercises.exercise import Exercise, Mistake, probe
from course_lib.equations import policy_gradient

RLOO_ADVANTAGES = Exercise(
    reference=policy_gradient.rloo_advantages,
    success="each text is compared with the others to its prompt, itself left out, and each prompt's sum is 0.",
    probes=[
        probe(returns=[[3, 1]]),
        probe(returns=[[5, 1, 0]]),
        probe(returns=[[4, 1, 1, 0], [9, 6, 6, 7]]),
    ],
    draw=lambda d: {"returns": d.numbers(d.batch, d.length + 1)},
    mistakes=[
        Mistake(
            "the text's own return is in its baseline",
            "The mean over all k shrinks every advantage by (k - 1) / k: leave the text itself out of its mean.",
            lambda returns: returns - returns.mean(dim=1, keepdim=True),
        ),
        Mistake(
            "the sum of the others is divided by k, not by k - 1",
            "Without itself a text has k - 1 others: divide by as many as you added up.",
            lambda returns: returns - (returns.sum(dim=1, keepdim=True) - returns) / returns.shape[1],
        ),
        Mistake(
            "the sum of all is divided by k - 1",
            "Take the text's own return out of the sum before you divide.",
            lambda returns: returns - returns.sum(dim=1, keepdim=True) / (returns.shape[1] - 1),
        ),
        Mistake(
            "the sum of the others is divided by the number of prompts less 1",
            "A row is a prompt and a column a response: k is returns.shape[1].",
            lambda returns: returns - (returns.sum(dim=1, keepdim=True) - returns) / (returns.shape[0] - 1),
        ),
        Mistake(
            "the baseline is not divided at all",
            "This takes off the sum of the others; their mean is asked.",
            lambda returns: returns - (returns.sum(dim=1, keepdim=True) - returns),
        ),
        Mistake(
            "the baseline alone is returned",
            "Take it off the return: R - baseline.",
            lambda returns: (returns.sum(dim=1, keepdim=True) - returns) / (returns.shape[1] - 1),
        ),
        Mistake(
            "the advantages have the wrong sign",
            "A text that does better than the others has a positive advantage: R - baseline.",
            lambda returns: (returns.sum(dim=1, keepdim=True) - returns) / (returns.shape[1] - 1) - returns,
        ),
        Mistake(
            "the mean runs over all prompts",
            "That is the baseline of REINFORCE: compare a text with the others to the same prompt, sums over dim=1.",
            lambda returns: returns - (returns.sum() - returns) / (returns.numel() - 1),
        ),
        Mistake(
            "the mean runs over the prompts, not over the responses",
            "A row is a prompt: its responses stand along dim=1.",
            lambda returns: returns - (returns.sum(dim=0) - returns) / (returns.shape[1] - 1),
        ),
        Mistake(
            "the best of the others is the baseline",
            "Take their mean; against the best of them nearly every text looks bad.",
            lambda returns: returns - _best_other(returns),
        ),
    ],
)


def _best_other(returns: torch.Tensor) -> torch.Tensor:
    first, second = returns.topk(2, dim=1).values.split(1, dim=1)
    return torch.where(returns == first, second, first)


GRPO_ADVANTAGES = Exercise(
    reference=policy_gradient.grpo_advantages,
    success="each prompt's advantages have mean 0 and variance 1, and a prompt whose texts score alike gives 0.",
    probes=[
        probe(scores=[[3, 1]], eps=1e-8),
        probe(scores=[[5, 1, 0]], eps=1e-8),
        probe(scores=[[4, 1, 1, 0], [900, 600, 600, 700]], eps=1e-8),
        probe(scores=[[2, 2, 2]], eps=1e-8),
    ],
    draw=lambda d: {"scores": d.distinct(d.batch, d.length + 1), "eps": 1e-8},
    mistakes=[
        Mistake(
            "a prompt whose scores are all equal divides by 0",
            "Every advantage is then 0 / 0: add eps to the variance before you take its root.",
            lambda scores, *, eps: _centred(scores) / scores.std(dim=1, correction=0, keepdim=True),
        ),
        Mistake(
            "the sample's standard deviation is used, with n - 1",
            "torch.std divides by n - 1 unless told otherwise; ours is the population's: correction=0.",
            lambda scores, *, eps: _centred(scores) * torch.rsqrt(scores.var(dim=1, keepdim=True) + eps),
        ),
        Mistake(
            "nothing is divided by the spread",
            "The scores less their mean are only half of it: divide by the prompt's standard deviation.",
            lambda scores, *, eps: _centred(scores),
        ),
        Mistake(
            "the scores are divided by the variance",
            "The spread is the root of the variance, on the scale of the scores: rsqrt(variance + eps).",
            lambda scores, *, eps: _centred(scores) / (scores.var(dim=1, correction=0, keepdim=True) + eps),
        ),
        Mistake(
            "the scores are multiplied by the spread",
            "Divide by it, or multiply by torch.rsqrt, which is 1 / sqrt: then each prompt's variance is 1.",
            lambda scores, *, eps: _centred(scores) * torch.sqrt(scores.var(dim=1, correction=0, keepdim=True) + eps),
        ),
        Mistake(
            "the mean is not taken off",
            "Then every text of an easy prompt is made more likely, the bad ones too: subtract the prompt's mean.",
            lambda scores, *, eps: scores * torch.rsqrt(scores.var(dim=1, correction=0, keepdim=True) + eps),
        ),
        Mistake(
            "the whole batch is whitened at once",
            "Mean and spread are those of one prompt's responses: dim=1, keepdim=True.",
            lambda scores, *, eps: (scores - scores.mean()) * torch.rsqrt(scores.var(correction=0) + eps),
        ),
        Mistake(
            "mean and spread run over the prompts, not over the responses",
            "A row is a prompt: its responses stand along dim=1.",
            lambda scores, *, eps: (scores - scores.mean(dim=0)) * torch.rsqrt(scores.var(dim=0, correction=0) + eps),
        ),
        Mistake(
            "the mean of the others is taken off, as in RLOO",
            "GRPO takes the mean of the whole group, the text itself included.",
            lambda scores, *, eps: (
                policy_gradient.rloo_advantages(scores)
                * torch.rsqrt(scores.var(dim=1, correction=0, keepdim=True) + eps)
            ),
        ),
        Mistake(
            "the better a text, the lower its advantage",
            "Subtract the mean from the score, not the score from the mean.",
            lambda scores, *, eps: -policy_gradient.grpo_advantages(scores, eps=eps),
        ),
    ],
)


def _centred(scores: torch.Tensor) -> torch.Tensor:
    return scores - scores.mean(dim=1, keepdim=True)
