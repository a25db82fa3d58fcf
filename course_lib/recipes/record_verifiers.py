"""The experiment `verifiers`: PPO, RLOO and GRPO against three verifiers and the reward model, with and without KL."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from course_lib.recipes.recording_file import RecordingFile, columns
from course_lib.training.experiments.recorded_verifiers import (
    LEARNED,
    PROMPTS,
    SAMPLES,
    VERIFIED_METHODS,
    VERIFIERS,
    WITH,
    WITHOUT,
)
from course_lib.training.experiments.rules import RULES
from course_lib.training.experiments.verifiers import (
    LEARNING_RATES,
    METHODS,
    SETTINGS,
    VerifierScorer,
    count_passes,
    verifier,
)
from course_lib.training.files.paths import REWARD_MODEL
from course_lib.training.record import Record
from course_lib.training.reward_model import load_reward_model
from course_lib.training.scorer import TextScorer
from course_lib.training.settings import RunSettings
from course_lib.training.setup import Setup

SEEDS = 3
TEXTS = 4  # kept of each run
KEPT = ("step", "score", "kl", "reward_model", "judge", "distinct_2", "response_length", "failed_length")
KEPT += ("mixed_groups", "eos_share", "entropy", "grad_norm")


@dataclass(frozen=True)
class Plan:
    """What is pleased, by which method, at which price of leaving the reference."""

    pleased: str
    method: str
    kl_coef: float

    @property
    def name(self) -> str:
        """How the run is called in the file."""
        return f"{self.pleased}, {self.method}, kl_coef {self.kl_coef:g}"

    @property
    def changes(self) -> dict:
        """The settings in which the run departs from the others, and what else tells it from them."""
        return asdict(self) | {"learning_rate": LEARNING_RATES[self.method]}


def plans() -> Iterator[Plan]:
    """All runs of one seed."""
    for kl_coef in (WITHOUT, WITH):
        for rule in RULES:
            for method in VERIFIED_METHODS:
                yield Plan(rule, method, kl_coef)
        yield Plan(LEARNED, "PPO", kl_coef)
    yield Plan("alliteration", "Dr. GRPO", WITHOUT)


def record_verifiers(
    out: Path, *, given: dict | None = None, seeds: int = SEEDS, prompts: int = PROMPTS, samples: int = SAMPLES
) -> None:
    """Record the runs that the file `out` does not hold yet; `given` settings go before all others.

    Of the first `prompts` held-out prompts, each continued `samples` times, the file has how many passed.
    """
    shared, sizes = SETTINGS | (given or {}), {"prompts": prompts, "samples": samples}
    recording, starts = RecordingFile(out, VERIFIERS, asdict(RunSettings(**shared)) | sizes), {}
    for seed in range(seeds):
        for plan in plans():
            if recording.lacks(plan.name, seed):
                changes = {name: plan.changes[name] for name in ("kl_coef", "learning_rate")}
                settings = RunSettings(**shared | changes | {"seed": seed})
                recording.add(plan.name, seed, plan.changes, record_run(plan, settings, sizes, starts=starts))


def record_run(plan: Plan, settings: RunSettings, sizes: dict[str, int], *, starts: dict) -> dict:
    """Train one policy and return what is kept of it: metrics as columns, held-out figures, passes, a few texts.

    What the reference does is the same for all runs of a seed that please the same, so `starts` keeps it.
    """
    setup, method = Setup(settings), METHODS[plan.method]
    scorer = VerifierScorer(setup, pleased(setup, plan), responses=method.responses)
    if (plan.pleased, settings.seed) not in starts:
        starts[plan.pleased, settings.seed] = held_out(setup, scorer, plan, sizes)[0]
    records = list(setup.records(scorer, method=method))
    after, texts = held_out(setup, scorer, plan, sizes)
    kept = [{name: record[name] for name in KEPT} for record in records]
    before = starts[plan.pleased, settings.seed]
    return {"metrics": columns(kept), "before": before, "after": after, "samples": texts[:TEXTS]}


def held_out(setup: Setup, scorer: VerifierScorer, plan: Plan, sizes: dict[str, int]) -> tuple[Record, list[dict]]:
    """Figures of the policy, as it is now, on held-out prompts, how many of many samples pass, and its texts."""
    figures, texts = setup.evaluate(scorer)
    passed = {"passed": count_passes(setup, scorer, **sizes).tolist()} if plan.pleased in RULES else {}
    return figures | passed, texts


def pleased(setup: Setup, plan: Plan) -> TextScorer:
    """The verifier of a run, or the reward model, its scores normalised."""
    if plan.pleased in RULES:
        return verifier(RULES[plan.pleased])
    folder = setup.settings.reward_model or REWARD_MODEL
    return setup.scorer(load_reward_model(folder, device=setup.device)).reward_model
