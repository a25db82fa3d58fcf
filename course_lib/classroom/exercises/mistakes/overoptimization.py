"""Wrong versions of the exercises on over-optimisation: best-of-n, the peak of a form, a pessimist's ensemble."""

import math

import torch

from course_lib.classroom.exercises.exercise import Exercise, Mistake, probe
from course_lib.equations import best_of_n, ensemble, overoptimization

BEST_OF_N_KL = Exercise(
    reference=best_of_n.best_of_n_kl,
    success="0 for one sample, and about log n - 1 nats for many: cheap, as distances go.",
    probes=[probe(n=2), probe(n=1), probe(n=16)],
    draw=lambda d: {"n": d.one_of(*range(1, 100), 1000, 10**6)},
    mistakes=[
        Mistake(
            "(n - 1) / n is forgotten",
            "log n alone is the KL of a text n times as likely; the best of n is that only at the very top. "
            "With // too nothing is left of it: divide by /.",
            lambda n: math.log(n),
        ),
        Mistake(
            "(n - 1) / n is added",
            "Most of the best are not the best there can be: take it away from log n.",
            lambda n: math.log(n) + (n - 1) / n,
        ),
        Mistake(
            "the logarithm is to base 2",
            "Nats are to base e: math.log(n).",
            lambda n: math.log2(n) - (n - 1) / n,
        ),
        Mistake(
            "1 / n stands where (n - 1) / n should",
            "With one sample nothing is chosen and the KL is 0: log 1 - 0.",
            lambda n: math.log(n) - 1 / n,
        ),
        Mistake(
            "1 is taken away, whatever n",
            "That is right for many samples only: with one, the KL is 0.",
            lambda n: math.log(n) - 1,
        ),
        Mistake(
            "the square root is taken",
            "sqrt(KL) is the axis of the pictures; here the KL itself is asked.",
            lambda n: math.sqrt(math.log(n) - (n - 1) / n),
        ),
        Mistake(
            "the sign is wrong",
            "A KL is never negative: log n - (n - 1) / n.",
            lambda n: (n - 1) / n - math.log(n),
        ),
    ],
)


def _weights(samples: int, n: int, *, last: int) -> torch.Tensor:
    """C(i - last, n - 1) / C(samples, n) for i = 1 ... samples."""
    chosen = [math.comb(i - last, n - 1) if i >= last else 0 for i in range(1, samples + 1)]
    return torch.tensor(chosen, dtype=torch.float64) / math.comb(samples, n)


def _weighted(scores: torch.Tensor, values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return (weights * values.double().gather(1, scores.argsort(dim=1))).sum(dim=1)


EXPECTED_BEST_OF_N = Exercise(
    reference=best_of_n.expected_best_of_n,
    success="a mean over all ways to choose n of the samples, without choosing any.",
    probes=[
        probe(scores=[[1, 2, 4]], values=[[1, 2, 4]], n=2),
        probe(scores=[[2, 4, 1]], values=[[10, 20, 60]], n=2),
        probe(scores=[[3, 1, 2, 5], [0, 8, 1, 4]], values=[[1, 2, 3, 5], [7, 1, 0, 2]], n=3),
    ],
    draw=lambda d: {
        "scores": d.distinct(d.batch, d.length),
        "values": d.tokens(),
        "n": d.one_of(*range(1, d.length + 1)),
    },
    mistakes=[
        Mistake(
            "the best of all samples is taken",
            "That is the best of N, not of n: weight every sample with the chance that it is the best of n.",
            lambda scores, values, *, n: values.gather(1, scores.argmax(dim=1, keepdim=True))[:, 0],
        ),
        Mistake(
            "the mean of the n best is taken",
            "The second best is chosen only where the best is not among the n.",
            lambda scores, values, *, n: values.gather(1, scores.argsort(dim=1, descending=True)[:, :n]).mean(dim=1),
        ),
        Mistake(
            "the best of the first n is taken",
            "Right on average, but the other samples are wasted: average over all sets of n.",
            lambda scores, values, *, n: values.gather(1, scores[:, :n].argmax(dim=1, keepdim=True))[:, 0],
        ),
        Mistake(
            "all samples weigh the same",
            "The higher its score, the more often a sample is the best of n: C(i - 1, n - 1) / C(N, n).",
            lambda scores, values, *, n: values.mean(dim=1),
        ),
        Mistake(
            "the weights are in the order of the samples, not of their scores",
            "Sort by the score first: i is the rank of a sample, from the lowest score up.",
            lambda scores, values, *, n: (_weights(values.shape[1], n, last=1) * values).sum(dim=1),
        ),
        Mistake(
            "the weights are those of the worst of n",
            "Ranks go from the lowest score up, so that the highest weighs the most.",
            lambda scores, values, *, n: _weighted(-scores, values, _weights(values.shape[1], n, last=1)),
        ),
        Mistake(
            "the best values are chosen, not the values of the best scores",
            "The proxy's scores choose, whatever the values are: sort the values by the scores.",
            lambda scores, values, *, n: _weighted(values, values, _weights(values.shape[1], n, last=1)),
        ),
        Mistake(
            "the scores of the best are averaged, not their values",
            "The scores only choose: average the values.",
            lambda scores, values, *, n: _weighted(scores, scores, _weights(values.shape[1], n, last=1)),
        ),
        Mistake(
            "the weights are C(i, n - 1), not C(i - 1, n - 1)",
            "The other n - 1 come from the i - 1 samples below the best.",
            lambda scores, values, *, n: _weighted(scores, values, _weights(values.shape[1], n, last=0)),
        ),
        Mistake(
            "the weights are C(i - 1, n), not C(i - 1, n - 1)",
            "The best takes one of the n places; the other n - 1 come from the i - 1 samples below it.",
            lambda scores, values, *, n: _weighted(
                scores,
                values,
                torch.tensor([math.comb(i, n) / math.comb(values.shape[1], n) for i in range(values.shape[1])]),
            ),
        ),
        Mistake(
            "the counts are not divided by the number of all sets",
            "C(i - 1, n - 1) says in how many sets a sample is the best: over C(N, n) it is a share of them.",
            lambda scores, values, *, n: (
                math.comb(values.shape[1], n) * best_of_n.expected_best_of_n(scores, values, n=n)
            ),
        ),
        Mistake(
            "gather takes ranks, not places",
            "scores.argsort(dim=1) gives the places, the lowest score's first, and gather takes places: sort once.",
            lambda scores, values, *, n: (
                _weights(values.shape[1], n, last=1) * values.gather(1, scores.argsort(dim=1).argsort(dim=1))
            ).sum(dim=1),
        ),
        Mistake(
            "samples are drawn with replacement",
            "The N samples are there once each: (i^n - (i - 1)^n) / N^n counts sets in which one comes twice.",
            lambda scores, values, *, n: _weighted(
                scores,
                values,
                torch.arange(values.shape[1] + 1, dtype=torch.float64).pow(n).diff() / values.shape[1] ** n,
            ),
        ),
        Mistake(
            "one number for all prompts is returned",
            "One number per prompt is asked: add up over the samples alone.",
            lambda scores, values, *, n: best_of_n.expected_best_of_n(scores, values, n=n).mean(),
        ),
    ],
)

RL_PEAK = Exercise(
    reference=overoptimization.rl_peak,
    success="there the derivative alpha - beta (log d + 1) is 0.",
    probes=[probe(alpha=1, beta=0.5), probe(alpha=0.5, beta=0.5), probe(alpha=2, beta=0.8)],
    draw=lambda d: {"alpha": d.one_of(0.3, 0.5, 1, 2, 3), "beta": d.one_of(0.2, 0.5, 0.8, 1, 4)},
    mistakes=[
        Mistake(
            "this is where the reward is 0 again",
            "alpha - beta log d is 0 at exp(alpha / beta); the peak comes before: set the derivative to 0.",
            lambda alpha, beta: math.exp(alpha / beta),
        ),
        Mistake(
            "1 is added, not subtracted",
            "The derivative of d log d is log d + 1, and alpha = beta (log d + 1): log d = alpha / beta - 1.",
            lambda alpha, beta: math.exp(alpha / beta + 1),
        ),
        Mistake(
            "this is the peak of best-of-n",
            "alpha / (2 beta) belongs to d (alpha - beta d); here it is d (alpha - beta log d).",
            lambda alpha, beta: alpha / (2 * beta),
        ),
        Mistake(
            "the exponential is missing in the peak",
            "alpha / beta - 1 is log d: take the exponential.",
            lambda alpha, beta: alpha / beta - 1,
        ),
        Mistake(
            "alpha and beta are exchanged",
            "A larger beta, which pulls the reward down, brings the peak nearer: alpha / beta.",
            lambda alpha, beta: math.exp(beta / alpha - 1),
        ),
        Mistake(
            "the exponent has the wrong sign",
            "alpha - beta (log d + 1) = 0 gives log d = alpha / beta - 1: the larger alpha, the later the peak.",
            lambda alpha, beta: math.exp(1 - alpha / beta),
        ),
        Mistake(
            "the 1 is divided by beta too",
            "alpha - beta log d - beta = 0: divide by beta, and the last term is 1.",
            lambda alpha, beta: math.exp((alpha - 1) / beta),
        ),
        Mistake(
            "the peak is given as a KL",
            "The form is in d = sqrt(KL): do not square it.",
            lambda alpha, beta: math.exp(2 * (alpha / beta - 1)),
        ),
        Mistake(
            "the height of the peak is returned",
            "The distance is asked at which the reward is highest, not the reward: exp(alpha / beta - 1).",
            lambda alpha, beta: beta * math.exp(alpha / beta - 1),
        ),
    ],
)

MEAN_MINUS_SPREAD = Exercise(
    reference=ensemble.mean_minus_spread,
    success="a text on which the models disagree is trusted less.",
    probes=[
        probe(scores=[[1], [3]], spread_coef=1),
        probe(scores=[[1, 2], [3, 2]], spread_coef=0.5),
        probe(scores=[[0, 1, 4], [2, -1, 4], [7, 3, 4]], spread_coef=2),
    ],
    draw=lambda d: {"scores": d.tokens(), "spread_coef": d.one_of(0.5, 1, 2)},
    mistakes=[
        Mistake(
            "the spread is added",
            "An optimist's score pays for what nobody knows: subtract the spread.",
            lambda scores, *, spread_coef: scores.mean(0) + spread_coef * scores.std(0, correction=0),
        ),
        Mistake(
            "the spread is the sample standard deviation",
            "torch.std divides by n - 1 unless told otherwise: write scores.std(dim=0, correction=0).",
            lambda scores, *, spread_coef: scores.mean(0) - spread_coef * scores.std(0),
        ),
        Mistake(
            "the variance is subtracted",
            "A variance is in squared units: take the standard deviation.",
            lambda scores, *, spread_coef: scores.mean(0) - spread_coef * scores.var(0, correction=0),
        ),
        Mistake(
            "spread_coef is forgotten",
            "It says how much disagreement costs: multiply the spread by it.",
            lambda scores, *, spread_coef: scores.mean(0) - scores.std(0, correction=0),
        ),
        Mistake(
            "spread_coef multiplies the mean too",
            "Only the spread is multiplied by it: mean - spread_coef * sd.",
            lambda scores, *, spread_coef: spread_coef * (scores.mean(0) - scores.std(0, correction=0)),
        ),
        Mistake(
            "only the mean is returned",
            "Then a text that one model overrates still pays: subtract the spread.",
            lambda scores, *, spread_coef: scores.mean(0),
        ),
        Mistake(
            "the lowest score is returned",
            "That is the other pessimist, the worst of the ensemble: mean - spread_coef * sd is asked.",
            lambda scores, *, spread_coef: scores.amin(0),
        ),
        Mistake(
            "the mean goes over the texts",
            "Models are rows and texts are columns: take both over dim=0, one number a text.",
            lambda scores, *, spread_coef: scores.mean(1) - spread_coef * scores.std(1, correction=0),
        ),
        Mistake(
            "the spread of all numbers together is subtracted",
            "Each text has a spread of its own: dim=0.",
            lambda scores, *, spread_coef: scores.mean(0) - spread_coef * scores.std(correction=0),
        ),
    ],
)
