"""Wrong versions of the exercise on the clipped value loss."""

import torch

from course_lib.classroom.exercises.exercise import Exercise, Mistake, probe
from course_lib.equations import ppo
from course_lib.equations.masking import masked_mean

# No value lies on the edge of a band, where the gradient is open: right answers differ there.
CLIPS = (0.05, 0.15, 0.25)


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
        probe(values=[[1.5]], old_values=[[1]], returns=[[2]], response_mask=[[1]], clip_eps=0.2),
        probe(values=[[1, 4]], old_values=[[0, 4]], returns=[[2, 9]], response_mask=[[1, 0]], clip_eps=0.5),
        probe(
            values=[[1, 2, 3], [4, 6, 7]],
            old_values=[[1, 0, 4], [4.5, 1, 2]],
            returns=[[3, 4, 0], [5, 0, 0]],
            response_mask=[[1, 1, 1], [1, 0, 0]],
            clip_eps=0.3,
        ),
    ],
    draw=lambda d: {
        "values": d.tokens(),
        "old_values": d.tokens(),
        "returns": d.tokens(),
        "response_mask": d.mask(),
        "clip_eps": d.one_of(*CLIPS),
    },
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
            "the value is clipped around 0",
            "Clip it around its old value: between old_values - clip_eps and old_values + clip_eps.",
            lambda v, old, returns, mask, *, clip_eps: (
                0.5 * _larger(v, torch.zeros_like(v), returns, clip_eps)[mask].mean()
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
                0.5 * ((_larger(v, old, returns, clip_eps) * mask).sum(1) / mask.sum(1)).mean()
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
