"""Wrong versions of the exercise on statistics over real tokens alone."""

import torch

from course_lib.classroom.exercises.exercise import Exercise, Mistake, probe
from course_lib.equations import advantages

EPS = 1e-8


def _over_padding_too(values, mask, *, eps=EPS):
    return (values - values.mean()) / torch.sqrt(values.var(correction=0) + eps) * mask


def _padding_as_zeros(values, mask, *, eps=EPS):
    values = values * mask
    return (values - values.mean()) / torch.sqrt(values.var(correction=0) + eps) * mask


def _variance_over_padding_too(values, mask, *, eps=EPS):
    centred = values - values[mask].mean()
    return centred / torch.sqrt((centred**2).mean() + eps) * mask


def _sample_variance(values, mask, *, eps=EPS):
    return (values - values[mask].mean()) / torch.sqrt(values[mask].var() + eps) * mask


def _not_rooted(values, mask, *, eps=EPS):
    return (values - values[mask].mean()) / (values[mask].var(correction=0) + eps) * mask


def _mean_kept(values, mask, *, eps=EPS):
    return values / torch.sqrt(values[mask].var(correction=0) + eps) * mask


def _mean_added_back(values, mask, *, eps=EPS):
    return (advantages.whiten(values, mask) + values[mask].mean()) * mask


def _only_centred(values, mask, *, eps=EPS):
    return (values - values[mask].mean()) * mask


def _multiplied(values, mask, *, eps=EPS):
    return (values - values[mask].mean()) * torch.sqrt(values[mask].var(correction=0) + eps) * mask


def _divided_first(values, mask, *, eps=EPS):
    return (values / torch.sqrt(values[mask].var(correction=0) + eps) - values[mask].mean()) * mask


def _padding_left(values, mask, *, eps=EPS):
    return (values - values[mask].mean()) / torch.sqrt(values[mask].var(correction=0) + eps)


def _row_by_row(values, mask, *, eps=EPS):
    return torch.cat([advantages.whiten(values[i : i + 1], mask[i : i + 1]) for i in range(len(values))])


def _no_eps(values, mask, *, eps=EPS):
    return (values - values[mask].mean()) / values[mask].std(correction=0) * mask


def _sample_without_eps(values, mask, *, eps=EPS):
    return (values - values[mask].mean()) / values[mask].std() * mask


def _mask_not_used(values, mask, *, eps=EPS):
    return (values - values.mean()) / torch.sqrt(values.var(correction=0) + eps)


def _real_alone(values, mask, *, eps=EPS):
    return advantages.whiten(values, mask)[mask]


WHITEN = Exercise(
    reference=advantages.whiten,
    success="the real tokens of the batch have mean 0 and variance 1, and padding plays no part.",
    probes=[
        probe(values=[[1, 5]], mask=[[1, 1]]),
        probe(values=[[1, 5, 9]], mask=[[1, 1, 0]]),
        probe(values=[[3, 3]], mask=[[1, 1]]),
        probe(values=[[1, 2, 6], [4, 8, -7]], mask=[[1, 1, 1], [1, 1, 0]]),
    ],
    draw=lambda d: {"values": d.distinct(d.batch, d.length), "mask": d.mask()},
    mistakes=[
        Mistake(
            "mean and variance are taken over padding too",
            "Take both from values[mask], the real tokens alone.",
            _over_padding_too,
        ),
        Mistake(
            "padding takes part as zeros",
            "values * mask still counts padding in the mean and in the variance: take them from values[mask].",
            _padding_as_zeros,
        ),
        Mistake(
            "the variance is taken over padding too",
            "The mean is right; take the variance from values[mask] as well.",
            _variance_over_padding_too,
        ),
        Mistake(
            "the sample variance is used",
            "torch.var and torch.std divide by n - 1: write .var(correction=0) or .std(correction=0).",
            _sample_variance,
        ),
        Mistake(
            "the values are divided by the variance, without its square root",
            "Divide by sqrt(variance + eps).",
            _not_rooted,
        ),
        Mistake(
            "the mean is not subtracted",
            "The spread is 1, but the mean is not 0: subtract the mean of the real tokens first.",
            _mean_kept,
        ),
        Mistake("the mean is added back", "Whitened values have mean 0: leave it out.", _mean_added_back),
        Mistake(
            "the values are not divided by the standard deviation",
            "The mean is 0, but the spread is not 1 yet.",
            _only_centred,
        ),
        Mistake(
            "the values are multiplied by the standard deviation",
            "A larger spread must become smaller: divide by sqrt(variance + eps).",
            _multiplied,
        ),
        Mistake(
            "the division comes before the mean is subtracted",
            "Put brackets round values - mean: both are divided.",
            _divided_first,
        ),
        Mistake("padding is not set to 0 after whitening", "Multiply the result by the mask.", _padding_left),
        Mistake(
            "each row is whitened alone",
            "One mean and one variance for the whole batch: else a good text looks no better than a bad one.",
            _row_by_row,
        ),
        Mistake(
            "eps is forgotten",
            "Where all values are equal the variance is 0, and 0 / 0 is NaN: divide by sqrt(variance + eps).",
            _no_eps,
        ),
        Mistake(
            "the sample standard deviation is used, and eps is forgotten",
            "torch.std divides by n - 1: write torch.sqrt(values[mask].var(correction=0) + eps).",
            _sample_without_eps,
        ),
        Mistake(
            "the mask is not used in whitening",
            "Take mean and variance from values[mask], and multiply the result by the mask.",
            _mask_not_used,
        ),
        Mistake(
            "only the real tokens come back, in one row",
            "The result has the shape of values, with 0 at padding.",
            _real_alone,
        ),
    ],
)
