"""Record the experiments that the notebooks show: `python -m course_lib.recipes.record EXPERIMENT`.

Each writes `data/runs/EXPERIMENT.json`, one run a line, and goes on where it stopped. One torch thread, so that two
experiments can run side by side; `data/README.md` says how long each takes.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.equations.ppo import kl_penalised_objective
from course_lib.recipes.record_bag_of_words import BAG_OF_WORDS, record_bag_of_words
from course_lib.recipes.record_dpo import DPO_RUNS, record_dpo
from course_lib.recipes.record_frontier import record_frontier
from course_lib.recipes.record_label_noise import record_label_noise
from course_lib.recipes.record_overoptimization import OVEROPTIMIZATION, record_overoptimization
from course_lib.recipes.record_relatives import RELATIVES, record_relatives
from course_lib.recipes.record_remedies import REMEDIES, record_remedies
from course_lib.recipes.record_verifiers import record_verifiers
from course_lib.recipes.recording_file import RecordingFile, columns, command, write_recording
from course_lib.training.experiments.bugs import BUGS
from course_lib.training.experiments.frontier import FRONTIER
from course_lib.training.experiments.recorded_curves import EosMasked, guess_at_random
from course_lib.training.experiments.recorded_verifiers import VERIFIERS
from course_lib.training.experiments.recordings import LABEL_NOISE
from course_lib.training.files.entry_point import entry_point
from course_lib.training.files.paths import REWARD_MODEL, RUNS
from course_lib.training.method import Method
from course_lib.training.policy import Policy
from course_lib.training.ppo import PPO
from course_lib.training.record import Record
from course_lib.training.reward_model import load_reward_model
from course_lib.training.run.results import join_samples
from course_lib.training.run.run_folder import versions
from course_lib.training.scorer import Scorer
from course_lib.training.settings import RunSettings
from course_lib.training.setup import Setup

SAMPLES = 6  # texts kept of each run


@dataclass(frozen=True)
class PlannedRun:
    """One PPO run of an experiment: the settings, the method and the policy in which it departs from the others."""

    name: str
    seed: int
    changes: dict = field(default_factory=dict)
    method: Method = field(default_factory=PPO)
    prepare: Callable[[Policy], None] | None = None  # changes the policy before it is trained


@dataclass(frozen=True)
class Experiment:
    """The settings that all runs share where they are not the defaults, and the runs."""

    shared: dict
    runs: list[PlannedRun]


def unclipped_objective(
    ratio: Float[Tensor, "*shape"], advantages: Float[Tensor, "*shape"], *, clip_eps: float
) -> Float[Tensor, "*shape"]:
    """Neither clip nor penalty: ratio * A."""
    return ratio * advantages


def penalised(penalty: float) -> Callable:
    """The objective with a fixed KL penalty in place of the clip, as an objective that PPO can take."""

    def objective(
        ratio: Float[Tensor, "*shape"], advantages: Float[Tensor, "*shape"], *, clip_eps: float
    ) -> Float[Tensor, "*shape"]:
        return kl_penalised_objective(ratio, advantages, penalty=penalty)

    return objective


class Start(NamedTuple):
    """Where the runs of one seed start: how texts are scored, and what the policy writes before training."""

    scorer: Scorer
    before: Record
    texts: list[dict]


OBJECTIVES = {
    "no clipping or penalty": ({}, PPO(clipped_objective=unclipped_objective)),
    "clip 0.1": ({"clip_eps": 0.1}, PPO()),
    "clip 0.2": ({"clip_eps": 0.2}, PPO()),
    "clip 0.3": ({"clip_eps": 0.3}, PPO()),
    "KL penalty 1": ({}, PPO(clipped_objective=penalised(1.0))),
    "KL penalty 10": ({}, PPO(clipped_objective=penalised(10.0))),
}
# with many passes over a batch the clip has more to do
MANY_PASSES = {"batch_size": 64, "epochs": 4, "minibatches": 2, "lam": 0.95, "kl_coef": 0.05, "value_network": "policy"}
KL_COEFS = (0.0, 0.02, 0.05, 0.12, 0.2, 0.5)
KL_COEFS_TWICE = (0.0, 0.12, 0.2)  # with a second seed
CHOICES = {
    "default": {},
    "1 epoch": {"epochs": 1},
    "8 epochs": {"epochs": 8},
    "values not clipped": {"value_clip_eps": 0.0},
    "advantages not whitened": {"whiten_advantages": False},
    "lam 0": {"lam": 0.0},
    "lam 1": {"lam": 1.0},
    "values from zero": {"value_network": "policy"},
    "lam 0, from zero": {"lam": 0.0, "value_network": "policy"},
}
EARLIER = MANY_PASSES | {"iterations": 28, "learning_rate": 3e-4}  # what the default was before
NATS = {
    "default": {},
    "values from zero": {"value_network": "policy"},
    "lam 0.95": {"lam": 0.95},
    "one pass": {"epochs": 1},
    "twice the steps": {"iterations": 40},
    "from zero, twice the steps": {"value_network": "policy", "iterations": 40},
}
CURVES = {  # the settings, the method, what is done to the policy
    "one step a batch": ({"epochs": 1, "minibatches": 1}, PPO(), None),
    "eos masked": ({}, EosMasked(), None),
    "values at random": ({"value_network": "policy"}, PPO(), guess_at_random),
}
EXPERIMENTS = {
    "bugs": Experiment({"iterations": 24}, [PlannedRun(name, 0, method=method) for name, method in BUGS.items()]),
    "clip": Experiment(
        {"iterations": 16, "learning_rate": 1e-3} | MANY_PASSES,
        [
            PlannedRun(name, seed, changes, method)
            for seed in range(3)
            for name, (changes, method) in OBJECTIVES.items()
        ],
    ),
    "kl_coef": Experiment(
        {},
        [PlannedRun(f"kl_coef {value:g}", 0, {"kl_coef": value}) for value in KL_COEFS]
        + [PlannedRun(f"kl_coef {value:g}", 1, {"kl_coef": value}) for value in KL_COEFS_TWICE],
    ),
    "nats": Experiment(
        {},
        [PlannedRun(name, seed, changes) for seed in range(2) for name, changes in NATS.items()]
        + [PlannedRun("default", seed) for seed in (2, 3, 4)]
        + [PlannedRun("earlier default", 0, EARLIER)],
    ),
    "choices": Experiment(
        {"iterations": 12},
        [PlannedRun(name, seed, changes) for seed in range(2) for name, changes in CHOICES.items()],
    ),
    "curves": Experiment(
        {},
        [PlannedRun(name, seed, *planned) for seed in range(3) for name, planned in CURVES.items()]
        + [PlannedRun("learning rate 1e-5", 0, {"learning_rate": 1e-5})]
        + [PlannedRun("values from zero", 2, {"value_network": "policy"})],  # seeds 0 and 1 are in `nats`
    ),
}

RECIPES = {
    BAG_OF_WORDS: record_bag_of_words,
    OVEROPTIMIZATION: record_overoptimization,
    REMEDIES: record_remedies,
    RELATIVES: record_relatives,
    FRONTIER: record_frontier,
    VERIFIERS: record_verifiers,
    DPO_RUNS: record_dpo,
}


def record_run(planned: PlannedRun, settings: RunSettings, *, starts: dict[int, Start]) -> dict:
    """Train one policy and return what is kept of it: metrics as columns, held-out figures, a few texts.

    What was measured before training is the same for all runs of a seed, so `starts` keeps it for the next one.
    """
    setup = Setup(settings)
    if planned.seed not in starts:
        scorer = setup.scorer(load_reward_model(settings.reward_model or REWARD_MODEL))
        starts[planned.seed] = Start(scorer, *setup.evaluate(scorer))
    scorer, before, texts_before = starts[planned.seed]
    if planned.prepare:
        planned.prepare(setup.policy)
    records = list(setup.records(scorer, method=planned.method))
    after, texts_after = setup.evaluate(scorer)
    return {
        "metrics": columns(records),
        "before": before,
        "after": after,
        "samples": join_samples(texts_before, texts_after)[:SAMPLES],
    }


def record_experiment(name: str, *, out: Path, given: dict | None = None) -> None:
    """Record the runs of an experiment that the file `out` does not hold yet; `given` settings go before all others."""
    experiment, starts = EXPERIMENTS[name], {}
    shared = experiment.shared | (given or {})
    recording = RecordingFile(out, name, asdict(RunSettings(**shared)))
    for planned in experiment.runs:
        if recording.lacks(planned.name, planned.seed):
            settings = RunSettings(**shared | planned.changes | {"seed": planned.seed})
            made = record_run(planned, settings, starts=starts)
            recording.add(planned.name, planned.seed, planned.changes, made)


@entry_point
def main(arguments: Sequence[str] | None = None) -> None:
    """Record one experiment."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("experiment", choices=[*EXPERIMENTS, *RECIPES, LABEL_NOISE])
    name = parser.parse_args(arguments).experiment
    torch.set_num_threads(1)
    out = RUNS / f"{name}.json"
    if name == LABEL_NOISE:
        head = {"made_with": command(name), "versions": versions()}
        settings, runs = record_label_noise()
        write_recording(out, head | {"settings": settings}, runs)
    elif name in RECIPES:
        RECIPES[name](out)
    else:
        record_experiment(name, out=out)


if __name__ == "__main__":
    sys.exit(main())
