"""The experiment `overoptimization`: PPO and best-of-n against proxies that learned from 32 to 8,192 pairs."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from course_lib.recipes.baselines import mean_ratings
from course_lib.recipes.recording_file import RecordingFile, columns
from course_lib.training.agreement import agreement
from course_lib.training.experiments.candidates import (
    Candidates,
    best_of_first,
    best_of_n_metrics,
    draw_candidates,
    score_candidates,
)
from course_lib.training.experiments.proxies import (
    PAIRS,
    SETTINGS,
    ProxyScorer,
    kept_model,
    largest_gaps,
    proxy_scorer,
    rated_pairs,
    train_proxy,
)
from course_lib.training.files.paths import TINY_GPT2
from course_lib.training.ratings import load_ratings
from course_lib.training.reward_model import RewardModel
from course_lib.training.settings import RunSettings
from course_lib.training.setup import Setup

OVEROPTIMIZATION = "overoptimization"
SEEDS = 3
PROMPTS, SAMPLES = 32, 256  # of best-of-n
FOLLOWED, EVERY = 4, 2  # held-out prompts whose texts are kept, at every second step, of the first seed
GAPS = 8  # texts kept of those that the proxy overrates the most
KEPT = Path("build/proxies")  # where proxies are kept, so that a recording goes on where it stopped


def record_overoptimization(
    out: Path,
    *,
    given: dict | None = None,
    pairs: Sequence[int] = PAIRS,
    seeds: int = SEEDS,
    samples: int = SAMPLES,
    kept: Path = KEPT,
) -> None:
    """Record the runs that the file `out` does not hold yet; `given` settings go before those of the recipe."""
    shared = SETTINGS | (given or {})
    recording = RecordingFile(out, OVEROPTIMIZATION, asdict(RunSettings(**shared)))
    for seed in range(seeds):
        settings = RunSettings(**shared | {"seed": seed})
        record_ppo(recording, settings, pairs, kept=kept)
        record_best_of_n(recording, settings, pairs, samples=samples, kept=kept)


def record_ppo(recording: RecordingFile, settings: RunSettings, pairs: Sequence[int], *, kept: Path) -> None:
    """Record PPO against each proxy of one seed."""
    for count in pairs:
        name = f"ppo, {count} pairs"
        if recording.lacks(name, settings.seed):
            setup = Setup(settings)
            made = ppo_run(setup, proxy_scorer(setup, rated_proxy(count, settings, kept=kept)))
            recording.add(name, settings.seed, {"method": "ppo", "pairs": count}, made)


def record_best_of_n(
    recording: RecordingFile, settings: RunSettings, pairs: Sequence[int], *, samples: int, kept: Path
) -> None:
    """Record best-of-n by each proxy of one seed; all of them choose among the same texts."""
    setup, candidates = Setup(settings), None
    for count in pairs:
        name = f"best of n, {count} pairs"
        if recording.lacks(name, settings.seed):
            scorer = proxy_scorer(setup, rated_proxy(count, settings, kept=kept))
            candidates = candidates or draw_candidates(setup, scorer, prompts=PROMPTS, samples=samples)
            made = best_of_n_run(scorer, candidates, settings.seed)
            recording.add(name, settings.seed, {"method": "best-of-n", "pairs": count}, made)


def rated_proxy(count: int, settings: RunSettings, *, kept: Path, member: int = 0) -> RewardModel:
    """The proxy that learned from so many rated pairs; another member has another head and order of the pairs."""
    seed = settings.seed

    def train() -> RewardModel:
        pairs = rated_pairs(count, seed=seed)
        return train_proxy(pairs, seed=seed + 1000 * member, model=settings.model or TINY_GPT2)

    return kept_model(kept / f"{count}-pairs-seed-{seed}-member-{member}", train)


def ppo_run(setup: Setup, scorer: ProxyScorer) -> dict:
    """Train one policy and return what is kept of it: metrics as columns, held-out figures, texts along the way."""
    before, _ = setup.evaluate(scorer)
    records, samples = [], follow(setup, scorer, step=1)
    for record in setup.records(scorer):
        records.append(record)
        samples += follow(setup, scorer, step=record["step"] + 1)
    after, rows = setup.evaluate(scorer)
    last = {"step": len(records), "gap": True}
    return {
        "metrics": columns(records),
        "before": before | pair_accuracy(scorer),
        "after": after,
        "samples": samples + [last | row for row in largest_gaps(rows, GAPS)],
    }


def follow(setup: Setup, scorer: ProxyScorer, *, step: int) -> list[dict]:
    """What the policy writes before a step to the same prompts with the same random numbers; of some steps alone."""
    if setup.settings.seed or step % EVERY != 1 or step > setup.settings.iterations:
        return []
    return [{"step": step} | row for row in setup.evaluate(scorer, prompts=FOLLOWED)[1]]


def best_of_n_run(scorer: ProxyScorer, candidates: Candidates, seed: int) -> dict:
    """Choose by a proxy and return what is kept of it: a number for each n, the first and the last of them, texts."""
    scores = score_candidates(scorer.reward_model, candidates)
    metrics = best_of_n_metrics(candidates, scores)
    best = {n: best_of_first(candidates, scores, n=n) for n in metrics["n"]}
    last = metrics["n"][-1]
    followed = [{"n": n} | row for n in metrics["n"] for row in best[n][:FOLLOWED] if seed == 0]
    before, after = ({name: column[place] for name, column in metrics.items()} for place in (0, -1))
    return {
        "metrics": metrics,
        "before": before | pair_accuracy(scorer),
        "after": after,
        "samples": followed + [{"n": last, "gap": True} | row for row in largest_gaps(best[last], GAPS)],
    }


def pair_accuracy(scorer: ProxyScorer) -> dict[str, float]:
    """How often the proxy is right about which of two test reviews people like better."""
    test = load_ratings(split="test")
    scores = scorer.reward_model.score([sentence.text for sentence in test])
    return {"pair_accuracy": agreement(scores.double(), mean_ratings(test))["pair_accuracy"]}
