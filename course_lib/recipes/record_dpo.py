"""The experiment `dpo`: what becomes of the log-probabilities of chosen and of rejected texts as DPO learns."""

from dataclasses import asdict
from pathlib import Path

from course_lib.recipes.recording_file import RecordingFile, columns
from course_lib.training.files.paths import REWARD_MODEL
from course_lib.training.relatives.dpo import dpo
from course_lib.training.reward_model import load_reward_model
from course_lib.training.settings import RunSettings
from course_lib.training.setup import Setup

DPO_RUNS = "dpo"
SEEDS = 3
LEARNING_RATES = (1e-4, 3e-4)  # that of `relatives`, and three times as much
KEPT = ("step", "loss", "pair_accuracy", "chosen_log_ratio", "rejected_log_ratio")


def record_dpo(out: Path, *, given: dict | None = None, seeds: int = SEEDS) -> None:
    """Record the runs that the file `out` does not hold yet; `given` settings go before all others."""
    shared = given or {}
    recording = RecordingFile(out, DPO_RUNS, asdict(RunSettings(**shared)))
    for seed in range(seeds):
        for rate in LEARNING_RATES:
            name = f"learning rate {rate:g}"
            if recording.lacks(name, seed):
                settings = RunSettings(**shared | {"learning_rate": rate, "seed": seed})
                recording.add(name, seed, {"learning_rate": rate}, record_run(settings))


def record_run(settings: RunSettings) -> dict:
    """Train one policy and return what is kept of it: a few metrics as columns, held-out figures."""
    setup = Setup(settings)
    scorer = setup.scorer(load_reward_model(settings.reward_model or REWARD_MODEL, device=setup.device))
    before, _ = setup.evaluate(scorer)
    models = setup.policy, setup.reference, setup.training_prompts, scorer.score
    records = [
        {name: record[name] for name in KEPT} for record in dpo(*models, settings=settings, progress=setup.start())
    ]
    after, _ = setup.evaluate(scorer)
    return {"metrics": columns(records), "before": before, "after": after, "samples": []}
