"""Wrong versions of the KL exercises: the three estimators and the controller of the coefficient."""

import torch

from course_lib.classroom.exercises.draws import Draw
from course_lib.classroom.exercises.exercise import Exercise, Mistake, probe
from course_lib.equations import kl

ESTIMATOR_PROBES = [
    probe(logprobs=[-1], ref_logprobs=[-2]),
    probe(logprobs=[-1], ref_logprobs=[-0.5]),
    probe(logprobs=[[-1, -0.2], [-2, -1.5]], ref_logprobs=[[-2.5, -0.7], [-1.2, -1.5]]),
]


def _two_policies(draw: Draw) -> dict:
    return {"logprobs": draw.logprobs(), "ref_logprobs": draw.logprobs()}


K1 = Exercise(
    reference=kl.k1,
    success="its mean over the policy's samples is the KL, and single values may have either sign.",
    probes=ESTIMATOR_PROBES,
    draw=_two_policies,
    mistakes=[
        Mistake(
            "k1 is measured from the reference",
            "The tokens come from the policy, so its logprobs come first: this estimates minus the KL.",
            lambda logprobs, ref_logprobs: ref_logprobs - logprobs,
        ),
        Mistake(
            "the ratio of probabilities is returned",
            "k1 is the logarithm of that ratio: leave out the exponential.",
            lambda logprobs, ref_logprobs: torch.exp(logprobs - ref_logprobs),
        ),
        Mistake(
            "the absolute value is taken",
            "k1 may be negative for a token; without its negative values the mean is too large.",
            lambda logprobs, ref_logprobs: (logprobs - ref_logprobs).abs(),
        ),
        Mistake(
            "the difference is weighted with the probability",
            "The tokens were sampled from the policy, so likely ones come up more often already: that is the weight.",
            lambda logprobs, ref_logprobs: logprobs.exp() * (logprobs - ref_logprobs),
        ),
        Mistake(
            "the mean over all tokens is taken in k1",
            "One number per token is asked.",
            lambda logprobs, ref_logprobs: (logprobs - ref_logprobs).mean(),
        ),
        Mistake(
            "the tokens are added up",
            "One number per token is asked, not one per text.",
            lambda logprobs, ref_logprobs: (logprobs - ref_logprobs).sum(-1),
        ),
    ],
)

K2 = Exercise(
    reference=kl.k2,
    success="no value is negative, and close policies give small ones.",
    probes=ESTIMATOR_PROBES,
    draw=_two_policies,
    mistakes=[
        Mistake(
            "the one half is missing in k2",
            "k2 is half the square: without it the estimate is twice the KL.",
            lambda logprobs, ref_logprobs: (logprobs - ref_logprobs) ** 2,
        ),
        Mistake(
            "the square is missing",
            "Half the difference can be negative: square it first.",
            lambda logprobs, ref_logprobs: (logprobs - ref_logprobs) / 2,
        ),
        Mistake(
            "the half is squared too",
            "Square the difference, then halve: (difference ** 2) / 2.",
            lambda logprobs, ref_logprobs: ((logprobs - ref_logprobs) / 2) ** 2,
        ),
        Mistake(
            "each logprob is squared before they are subtracted",
            "Subtract first, then square.",
            lambda logprobs, ref_logprobs: (logprobs**2 - ref_logprobs**2) / 2,
        ),
        Mistake(
            "probabilities are subtracted in place of their logarithms",
            "k2 squares the difference of the log-probabilities: leave out the exponentials.",
            lambda logprobs, ref_logprobs: (logprobs.exp() - ref_logprobs.exp()) ** 2 / 2,
        ),
        Mistake(
            "r is the ratio of the log-probabilities in k2",
            "A ratio of probabilities is a difference of their logarithms: log r = ref_logprobs - logprobs.",
            lambda logprobs, ref_logprobs: (ref_logprobs / logprobs).log() ** 2 / 2,
            also=(
                lambda logprobs, ref_logprobs: (ref_logprobs / logprobs) ** 2 / 2,
                lambda logprobs, ref_logprobs: (logprobs / ref_logprobs) ** 2 / 2,
            ),
        ),
        Mistake(
            "the mean over all tokens is taken in k2",
            "One number per token is asked.",
            lambda logprobs, ref_logprobs: ((logprobs - ref_logprobs) ** 2 / 2).mean(),
        ),
    ],
)

K3 = Exercise(
    reference=kl.k3,
    success="no value is negative, and its mean over the policy's samples is the KL.",
    probes=ESTIMATOR_PROBES,
    draw=_two_policies,
    mistakes=[
        Mistake(
            "r is upside down in k3",
            "r is the reference over the policy, which sampled the tokens: log r = ref_logprobs - logprobs.",
            lambda logprobs, ref_logprobs: torch.expm1(logprobs - ref_logprobs) - (logprobs - ref_logprobs),
        ),
        Mistake(
            "r is upside down in one of its two places",
            "The same log r = ref_logprobs - logprobs stands in both: exp(log r) - 1 - log r.",
            lambda logprobs, ref_logprobs: torch.expm1(logprobs - ref_logprobs) - (ref_logprobs - logprobs),
        ),
        Mistake(
            "log r is added, not subtracted",
            "k3 = (r - 1) - log r, so that it is 0 and flat where the two agree.",
            lambda logprobs, ref_logprobs: torch.expm1(ref_logprobs - logprobs) + (ref_logprobs - logprobs),
        ),
        Mistake(
            "the 1 is not subtracted",
            "Two equal policies are at distance 0, and r is then 1: k3 = (r - 1) - log r.",
            lambda logprobs, ref_logprobs: torch.exp(ref_logprobs - logprobs) - (ref_logprobs - logprobs),
        ),
        Mistake(
            "log r is missing",
            "r - 1 alone has mean 0 whatever the distance: k3 = (r - 1) - log r.",
            lambda logprobs, ref_logprobs: torch.expm1(ref_logprobs - logprobs),
        ),
        Mistake(
            "the exponential is missing in r",
            "(log r - 1) - log r is always -1: r = exp(ref_logprobs - logprobs).",
            lambda logprobs, ref_logprobs: -torch.ones_like(logprobs),
        ),
        Mistake(
            "r is the ratio of the log-probabilities in k3",
            "A ratio of probabilities is a difference of their logarithms: r = exp(ref_logprobs - logprobs).",
            lambda logprobs, ref_logprobs: (r := ref_logprobs / logprobs) - 1 - r.log(),
            also=(
                lambda logprobs, ref_logprobs: (r := logprobs / ref_logprobs) - 1 - r.log(),
                lambda logprobs, ref_logprobs: ref_logprobs / logprobs - 1 - (ref_logprobs - logprobs),
            ),
        ),
        Mistake(
            "k3 has the wrong sign",
            "k3 is never negative: (r - 1) - log r, not the reverse.",
            lambda logprobs, ref_logprobs: (ref_logprobs - logprobs) - torch.expm1(ref_logprobs - logprobs),
        ),
        Mistake(
            "this is k2",
            "Half the square is close to k3 for small differences only: k3 = (r - 1) - log r.",
            lambda logprobs, ref_logprobs: (logprobs - ref_logprobs) ** 2 / 2,
        ),
    ],
)


def _clipped(error: float | int) -> float | int:
    return min(max(error, -0.2), 0.2)


ADAPTIVE_KL_COEF = Exercise(
    reference=kl.adaptive_kl_coef,
    success="the coefficient grows while kl is above its target, shrinks while it is below, and never jumps.",
    probes=[
        probe(kl_coef=0.1, kl=6.6, target=6, horizon=1000, batch_size=200),
        probe(kl_coef=0.1, kl=9, target=6, horizon=1000, batch_size=200),
        probe(kl_coef=0.1, kl=3, target=6, horizon=1000, batch_size=200),
        probe(kl_coef=0.1, kl=0.6, target=6, horizon=1000, batch_size=200),
    ],
    draw=lambda d: {
        "kl_coef": d.one_of(0.05, 0.1, 0.5),
        "kl": d.one_of(0.1, 1, 3, 5, 5.5, 6.5, 7, 9, 40, 300),
        "target": d.one_of(3, 6, 10),
        "horizon": d.one_of(1000, 10000),
        "batch_size": d.one_of(100, 200, 512),
    },
    mistakes=[
        Mistake(
            "the error is not clipped",
            "One strange batch must not throw the coefficient far: keep the error between -0.2 and 0.2.",
            lambda kl_coef, kl, *, target, horizon, batch_size: (
                kl_coef * (1 + (kl / target - 1) * batch_size / horizon)
            ),
        ),
        Mistake(
            "the error is clipped above only",
            "Keep it at -0.2 or more as well.",
            lambda kl_coef, kl, *, target, horizon, batch_size: (
                kl_coef * (1 + min(kl / target - 1, 0.2) * batch_size / horizon)
            ),
        ),
        Mistake(
            "the error is clipped below only",
            "Keep it at 0.2 or less as well.",
            lambda kl_coef, kl, *, target, horizon, batch_size: (
                kl_coef * (1 + max(kl / target - 1, -0.2) * batch_size / horizon)
            ),
        ),
        Mistake(
            "the bounds of the clip are exchanged",
            "min(max(error, lowest), highest): the lowest is -0.2, the highest 0.2.",
            lambda kl_coef, kl, *, target, horizon, batch_size: kl_coef * (1 - 0.2 * batch_size / horizon),
            also=(lambda kl_coef, kl, *, target, horizon, batch_size: kl_coef * (1 + 0.2 * batch_size / horizon),),
        ),
        Mistake(
            "batch_size is forgotten",
            "The horizon counts responses, and one step has seen batch_size of them.",
            lambda kl_coef, kl, *, target, horizon, batch_size: kl_coef * (1 + _clipped(kl / target - 1) / horizon),
        ),
        Mistake(
            "the horizon is forgotten",
            "Divide by it: it says over how many responses the coefficient adapts.",
            lambda kl_coef, kl, *, target, horizon, batch_size: kl_coef * (1 + _clipped(kl / target - 1) * batch_size),
        ),
        Mistake(
            "batch_size and horizon are both forgotten",
            "The error counts by the share batch_size / horizon.",
            lambda kl_coef, kl, *, target, horizon, batch_size: kl_coef * (1 + _clipped(kl / target - 1)),
        ),
        Mistake(
            "batch_size and horizon are exchanged",
            "A longer horizon means slower changes: batch_size / horizon.",
            lambda kl_coef, kl, *, target, horizon, batch_size: (
                kl_coef * (1 + _clipped(kl / target - 1) * horizon / batch_size)
            ),
        ),
        Mistake(
            "the coefficient moves the wrong way",
            "Too much KL needs a larger penalty: 1 + error, not 1 - error.",
            lambda kl_coef, kl, *, target, horizon, batch_size: (
                kl_coef * (1 - _clipped(kl / target - 1) * batch_size / horizon)
            ),
        ),
        Mistake(
            "kl and target are exchanged",
            "The error is relative to the target: kl / target - 1.",
            lambda kl_coef, kl, *, target, horizon, batch_size: (
                kl_coef * (1 + _clipped(target / kl - 1) * batch_size / horizon)
            ),
        ),
        Mistake(
            "the error is kl - target, not divided by the target",
            "The error is relative: kl / target - 1.",
            lambda kl_coef, kl, *, target, horizon, batch_size: (
                kl_coef * (1 + _clipped(kl - target) * batch_size / horizon)
            ),
        ),
        Mistake(
            "1 is not subtracted from kl / target",
            "On target the error must be 0: kl / target - 1.",
            lambda kl_coef, kl, *, target, horizon, batch_size: (
                kl_coef * (1 + _clipped(kl / target) * batch_size / horizon)
            ),
        ),
        Mistake(
            "the change is added to the coefficient",
            "It is a share of the coefficient: multiply, kl_coef * (1 + ...).",
            lambda kl_coef, kl, *, target, horizon, batch_size: (
                kl_coef + _clipped(kl / target - 1) * batch_size / horizon
            ),
        ),
        Mistake(
            "the factor is returned, not the coefficient",
            "Multiply it by kl_coef.",
            lambda kl_coef, kl, *, target, horizon, batch_size: 1 + _clipped(kl / target - 1) * batch_size / horizon,
        ),
        Mistake(
            "the change is returned, not the coefficient",
            "Add it to the coefficient: kl_coef * (1 + ...).",
            lambda kl_coef, kl, *, target, horizon, batch_size: (
                kl_coef * _clipped(kl / target - 1) * batch_size / horizon
            ),
        ),
    ],
)
