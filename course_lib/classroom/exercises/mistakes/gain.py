"""Wrong versions of the exercise on the scale of the scores."""

import torch

from course_lib.classroom.exercises.exercise import Exercise, Mistake, probe
from course_lib.equations import preferences


def _sd(scores: torch.Tensor) -> torch.Tensor:
    return scores.std(correction=0)


GAIN_AND_BIAS = Exercise(
    reference=preferences.gain_and_bias,
    success="gain * scores + bias has mean 0 and standard deviation 1.",
    probes=[probe(scores=[1, 5]), probe(scores=[0, 2, 7, -4])],
    draw=lambda d: {"scores": d.distinct(1, d.length + 1)[0]},
    mistakes=[
        Mistake(
            "the sample standard deviation is used",
            "torch.std divides by n - 1 unless told otherwise: write scores.std(correction=0).",
            lambda scores: (1 / scores.std(), -scores.mean() / scores.std()),
        ),
        Mistake(
            "the mean is not divided by the standard deviation in the bias",
            "The mean of gain * scores is gain * mean, and the bias must take all of that away.",
            lambda scores: (1 / _sd(scores), -scores.mean()),
        ),
        Mistake(
            "the sample standard deviation is used, and the mean is not divided by it in the bias",
            "torch.std divides by n - 1: write scores.std(correction=0); and bias = -gain * mean.",
            lambda scores: (1 / scores.std(), -scores.mean()),
        ),
        Mistake(
            "the bias has the wrong sign",
            "It must bring the mean to 0: bias = -gain * mean.",
            lambda scores: (1 / _sd(scores), scores.mean() / _sd(scores)),
        ),
        Mistake(
            "the scores are multiplied by the standard deviation",
            "Scores that spread twice as much need half the gain: gain = 1 / sd.",
            lambda scores: (_sd(scores), -scores.mean() * _sd(scores)),
        ),
        Mistake(
            "the mean and the standard deviation themselves are returned",
            "The gain is 1 / sd, and the bias is what brings gain * mean to 0.",
            lambda scores: (_sd(scores), scores.mean()),
        ),
        Mistake(
            "the gain is the standard deviation, not one over it",
            "Scores that spread twice as much need half the gain: gain = 1 / sd.",
            lambda scores: (_sd(scores), -scores.mean() / _sd(scores)),
        ),
        Mistake(
            "the scaled scores are returned",
            "The two numbers that scale them are asked for: return gain, bias.",
            lambda scores: (scores - scores.mean()) / _sd(scores),
        ),
        Mistake(
            "the variance is used in place of the standard deviation",
            "Take the square root of the variance first.",
            lambda scores: (1 / scores.var(correction=0), -scores.mean() / scores.var(correction=0)),
        ),
        Mistake(
            "there is a gain but no bias",
            "The spread is right, the mean is not 0 yet: bias = -gain * mean.",
            lambda scores: (1 / _sd(scores), 0.0),
        ),
        Mistake(
            "gain and bias are returned in the other order",
            "Return the gain first, then the bias.",
            lambda scores: (-scores.mean() / _sd(scores), 1 / _sd(scores)),
        ),
    ],
)
