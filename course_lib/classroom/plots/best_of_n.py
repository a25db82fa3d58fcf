"""Best-of-n on enumerated languages: its exact KL beside the formula."""

from collections.abc import Sequence
from functools import reduce

import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from torch import Tensor

from course_lib.classroom.style import INK, POLICY, REFERENCE, label, styled
from course_lib.equations.best_of_n import best_of_n_distribution, best_of_n_kl
from course_lib.equations.kl import exact_kl

TOKENS = 4
NUMBERS = [2**power for power in range(11)]


def toy_language(length: int, *, seed: int = 25) -> tuple[Float[Tensor, " texts"], Float[Tensor, " texts"]]:
    """Probabilities and scores of all texts of so many tokens out of four; tokens are independent, scores N(0, 1)."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randn(length, TOKENS, generator=generator, dtype=torch.float64).softmax(dim=1)
    probabilities = reduce(lambda texts, token: torch.outer(texts, token).flatten(), tokens)
    return probabilities, torch.randn(len(probabilities), generator=generator, dtype=torch.float64)


def exact_best_of_n_kl(length: int, n: int) -> float:
    """The KL of best-of-n from the toy language of this length, summed over all its texts."""
    probabilities, scores = toy_language(length)
    best = best_of_n_distribution(probabilities, scores, n=n)
    return exact_kl(best.log()[None, None], probabilities.log()[None, None]).item()


def toy_kl_figure(lengths: Sequence[int]) -> Figure:
    """Draw the exact KL of best-of-n over n, a line for each length of the toy language, and the formula."""
    with styled():
        figure = Figure(figsize=(9, 4.6))
        ax = figure.subplots()
        ax.plot(NUMBERS, [best_of_n_kl(n) for n in NUMBERS], color=INK, linewidth=1.8, linestyle=(0, (3, 2)), zorder=3)
        label(ax, float(NUMBERS[-1]), best_of_n_kl(NUMBERS[-1]), "log n − (n − 1)/n", INK, gap=5.0)
        for place, length in enumerate(lengths):
            kl = [exact_best_of_n_kl(length, n) for n in NUMBERS]
            strength = 0.35 + 0.65 * place / max(len(lengths) - 1, 1)
            ax.plot(NUMBERS, kl, "o-", color=POLICY, alpha=strength, markersize=5)
            words = f"{TOKENS**length:,} texts"
            ax.annotate(words, (NUMBERS[-1], kl[-1]), xytext=(9, -4), textcoords="offset points", fontsize=12)
        ax.set_xscale("log", base=2)
        ax.xaxis.set_major_locator(FixedLocator(NUMBERS))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xticklabels([f"{n:,}" for n in NUMBERS])
        ax.set_xlim(0.9, NUMBERS[-1] * 2.6)
        ax.axhline(0, color=REFERENCE, linewidth=1.2)
        ax.set(xlabel="n", title="KL of best-of-n from the reference (nats)")
    return figure
