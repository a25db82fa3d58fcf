"""The experiment `frontier`: the most score that each nat of KL can buy, from many samples of the reference."""

from dataclasses import asdict
from pathlib import Path

import torch

from course_lib.equations.optimum import estimated_frontier
from course_lib.recipes.recording_file import RecordingFile
from course_lib.training.experiments.frontier import FRONTIER
from course_lib.training.files.paths import REWARD_MODEL
from course_lib.training.reward_model import load_reward_model
from course_lib.training.scorer import Scorer
from course_lib.training.settings import RunSettings
from course_lib.training.setup import Setup

PROMPTS, SAMPLES = 64, 2048
KL_COEFS = (3.0, 2.0, 1.5, 1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.18, 0.16, 0.14, 0.12, 0.1)
ROWS = 256  # texts sampled, and scored, together
STREAM = 1000  # the random stream of the first prompt; each has its own, so that a recording can go on


def record_frontier(out: Path, *, given: dict | None = None, prompts: int = PROMPTS, samples: int = SAMPLES) -> None:
    """Record the held-out prompts that the file `out` does not hold yet, one a run; `given` settings go before all."""
    settings = RunSettings(**given or {})
    of_recipe = {"prompts": prompts, "samples": samples, "kl_coefs": [*KL_COEFS]}
    recording = RecordingFile(out, FRONTIER, asdict(settings) | of_recipe)
    setup = Setup(settings)
    scorer = setup.scorer(load_reward_model(settings.reward_model or REWARD_MODEL))
    beginnings = setup.tokenizer.batch_decode(setup.test_prompts[:prompts], skip_special_tokens=True)
    for number, beginning in enumerate(beginnings):
        name = f"prompt {number + 1}"
        if recording.lacks(name, settings.seed):
            scores = reference_scores(setup, scorer, prompt=number, samples=samples)
            estimate = estimated_frontier(scores, kl_coefs=KL_COEFS)
            metrics = {"kl_coef": [*KL_COEFS]} | {name: values.tolist() for name, values in estimate._asdict().items()}
            made = {"metrics": metrics, "before": {"score": scores.mean().item()}, "after": {}, "samples": []}
            recording.add(name, settings.seed, {"prompt": beginning}, made)


@torch.no_grad()
def reference_scores(setup: Setup, scorer: Scorer, *, prompt: int, samples: int) -> torch.Tensor:
    """Scores of so many continuations that the reference writes to one held-out prompt, in float64."""
    rows, generator = setup.test_prompts[[prompt] * samples], setup.generator(STREAM + prompt)
    rollouts = (setup.continue_prompts(part, generator, policy=setup.reference) for part in rows.split(ROWS))
    return torch.cat([scorer.score(rollout) for rollout in rollouts]).double()
