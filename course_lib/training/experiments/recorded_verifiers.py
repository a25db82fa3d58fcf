"""What the recorded runs against verifiers tell: which passed how often, before and after, and at what price."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float

from course_lib.equations.verified import least_kl, pass_at_k
from course_lib.training.experiments.candidates import powers_of_two
from course_lib.training.experiments.recordings import Recording

VERIFIERS = "verifiers"
PROMPTS, SAMPLES = 64, 64  # held-out prompts, and continuations of each; `passed` counts those that pass
WITHOUT, WITH = 0.0, 0.05  # KL coefficients of the runs
VERIFIED_METHODS = ("PPO", "RLOO", "GRPO")
LEARNED = "reward model"  # pleased by some runs in a verifier's place
KS = powers_of_two(SAMPLES)


def chosen(recordings: Sequence[Recording], **changes: str | float) -> list[Recording]:
    """The runs with these changes: `pleased`, `method`, `kl_coef`."""
    return [run for run in recordings if changes.items() <= run.changes.items()]


def means(figures: Sequence[dict], names: Sequence[str]) -> list[float]:
    """Of each of these names the mean over `before` or `after` of several runs."""
    return [float(np.mean([figure[name] for figure in figures])) for name in names]


def rules_of(recordings: Sequence[Recording]) -> list[str]:
    """The rules that these runs please, from the easiest to the hardest."""
    return list(dict.fromkeys(run.changes["pleased"] for run in recordings if "passed" in run.after))


def mean_pass_at_k(
    figures: Sequence[dict], *, pass_at_k: Callable = pass_at_k, samples: int = SAMPLES
) -> Float[np.ndarray, " ks"]:
    """pass@k for k of 1, 2, 4 and so on: means over the prompts of all these `before` or `after`."""
    passed = torch.tensor([count for figure in figures for count in figure["passed"]])
    return np.array([pass_at_k(passed, samples=samples, k=k).mean().item() for k in powers_of_two(samples)])


def found_and_lost(recordings: Sequence[Recording]) -> tuple[float, float]:
    """Means over runs: on how many prompts some sample passes after training and none did before; and the reverse."""
    pairs = [(np.array(run.before["passed"]) > 0, np.array(run.after["passed"]) > 0) for run in recordings]
    found, lost = (
        [(late & ~early).sum() for early, late in order] for order in (pairs, [pair[::-1] for pair in pairs])
    )
    return float(np.mean(found)), float(np.mean(lost))


def reference_rate(recordings: Sequence[Recording]) -> float:
    """Of all samples before training, the share that passes."""
    return float(np.mean([run.before["passed"] for run in recordings])) / SAMPLES


def least_nats(recordings: Sequence[Recording]) -> Float[np.ndarray, " runs"]:
    """For each run the lowest KL of a policy that passes as often."""
    before = torch.tensor(reference_rate(recordings), dtype=torch.float64)
    after = torch.tensor([run.after["score"] for run in recordings], dtype=torch.float64)
    return least_kl(after, before.expand_as(after)).numpy()
