"""Best-of-n on held-out prompts: many samples of the reference for each, of which a scorer keeps the best."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.equations.best_of_n import best_of_n_kl, expected_best_of_n
from course_lib.training.experiments.proxies import ProxyScorer
from course_lib.training.scorer import TextScorer
from course_lib.training.setup import Setup
from course_lib.training.texts import distinct_2, judge

ROWS = 256  # texts sampled, or scored, together


@dataclass(frozen=True)
class Candidates:
    """What the reference wrote to each prompt, a row a prompt, and what others than the proxy say of it."""

    prompts: list[str]
    texts: list[list[str]]
    values: dict[str, Float[Tensor, "prompts samples"]]


def draw_candidates(setup: Setup, scorer: ProxyScorer, *, prompts: int, samples: int) -> Candidates:
    """Let the policy of a run continue the first held-out prompts, each `samples` times; gold and judge look on."""
    chosen, generator = setup.test_prompts[:prompts], setup.generator(4)
    parts = chosen.repeat_interleave(samples, dim=0).split(ROWS)
    rollouts = [setup.continue_prompts(part, generator) for part in parts]
    texts = [text for rollout in rollouts for text in scorer.texts(rollout)]
    values = {
        "gold": score_in_parts(scorer.gold, texts),
        "judge": torch.tensor([judge(text) for text in texts]),
        "response_length": torch.cat([rollout.response_mask.sum(dim=1) for rollout in rollouts]).float(),
    }
    return Candidates(
        setup.tokenizer.batch_decode(chosen, skip_special_tokens=True),
        [texts[start : start + samples] for start in range(0, len(texts), samples)],
        {name: column.reshape(-1, samples) for name, column in values.items()},
    )


def score_in_parts(model: TextScorer, texts: Sequence[str]) -> Float[Tensor, " texts"]:
    """Score texts that are too many for one pass."""
    return torch.cat([model.score(texts[start : start + ROWS]) for start in range(0, len(texts), ROWS)])


def score_candidates(model: TextScorer, candidates: Candidates) -> Float[Tensor, "prompts samples"]:
    """One score for each text."""
    texts = [text for row in candidates.texts for text in row]
    return score_in_parts(model, texts).reshape(len(candidates.texts), -1)


def powers_of_two(samples: int) -> list[int]:
    """1, 2, 4 and so on, up to the number of samples."""
    return [2**power for power in range(samples.bit_length())]


def best_of_n_metrics(candidates: Candidates, scores: Float[Tensor, "prompts samples"]) -> dict[str, list]:
    """What the best of n by these scores is like: one number for each n of 1, 2, 4 and so on.

    Means over prompts are over all subsets of n samples too; `distinct_2` is of the best of each prompt's first n.
    """
    metrics: dict[str, list] = {"n": powers_of_two(scores.shape[1])}
    metrics["kl"] = [best_of_n_kl(n) for n in metrics["n"]]
    for name, values in ({"score": scores} | candidates.values).items():
        metrics[name] = [expected_best_of_n(scores, values, n=n).mean().item() for n in metrics["n"]]
    best = [[row["text"] for row in best_of_first(candidates, scores, n=n)] for n in metrics["n"]]
    return metrics | {"distinct_2": [distinct_2(texts) for texts in best]}


def best_of_first(candidates: Candidates, scores: Float[Tensor, "prompts samples"], *, n: int) -> list[dict]:
    """The best by these scores of each prompt's first n samples, with what was said of it."""
    columns = {"score": scores, "gold": candidates.values["gold"], "judge": candidates.values["judge"]}
    rows = []
    for row, best in enumerate(scores[:, :n].argmax(dim=1).tolist()):
        said = {name: column[row, best].item() for name, column in columns.items()}
        rows.append({"prompt": candidates.prompts[row], "text": candidates.texts[row][best]} | said)
    return rows
