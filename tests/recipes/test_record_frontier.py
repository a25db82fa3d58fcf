"""The frontier recorded at a tiny size: what stands in the file, and that it goes on where it stopped."""

import json
from pathlib import Path

import pytest
import torch

from course_lib.recipes import record_frontier as recipe
from course_lib.recipes.record_frontier import KL_COEFS, record_frontier, reference_scores
from course_lib.training.experiments.recordings import load_recording
from course_lib.training.files.errors import CourseError
from course_lib.training.reward_model import load_reward_model
from course_lib.training.settings import RunSettings
from course_lib.training.setup import Setup


@pytest.fixture(scope="module")
def recorded(tiny_run, tmp_path_factory) -> Path:
    """The file of three prompts with 16 samples each."""
    path = tmp_path_factory.mktemp("runs") / "frontier.json"
    record_frontier(path, given=tiny_run, prompts=3, samples=16)
    return path


def test_each_held_out_prompt_is_a_run_with_a_number_a_coefficient(recorded, tiny_run):
    runs = load_recording("frontier", folder=recorded.parent)
    setup = Setup(RunSettings(**tiny_run))
    beginnings = setup.tokenizer.batch_decode(setup.test_prompts[:3], skip_special_tokens=True)
    assert [(run.name, run.changes["prompt"]) for run in runs] == [
        (f"prompt {number}", beginning) for number, beginning in zip((1, 2, 3), beginnings, strict=True)
    ]
    for run in runs:
        assert run.metrics.keys() == {"kl_coef", "score", "kl", "effective_samples"}
        assert run.metrics["kl_coef"] == list(KL_COEFS)
        assert all(len(column) == len(KL_COEFS) for column in run.metrics.values())
        assert run.before["score"] < run.metrics["score"][0] < run.metrics["score"][-1]
        assert 16 > run.metrics["effective_samples"][0] > run.metrics["effective_samples"][-1] >= 1
    head = json.loads(recorded.read_text(encoding="utf-8"))
    assert head["made_with"] == "python -m course_lib.recipes.record frontier"
    assert (head["settings"]["prompts"], head["settings"]["samples"]) == (3, 16)


def test_it_goes_on_where_it_stopped_as_if_it_had_not(recorded, tiny_run, tmp_path, monkeypatch):
    resumed, made = tmp_path / "frontier.json", []
    lines = recorded.read_text(encoding="utf-8").splitlines()
    resumed.write_text("\n".join([*lines[:-2], "]}"]).replace("},\n]}", "}\n]}"), encoding="utf-8")

    def watched(*models, prompt, samples):
        made.append(prompt)
        return reference_scores(*models, prompt=prompt, samples=samples)

    monkeypatch.setattr(recipe, "reference_scores", watched)
    record_frontier(resumed, given=tiny_run, prompts=3, samples=16)
    assert made == [2]
    assert resumed.read_text(encoding="utf-8") == recorded.read_text(encoding="utf-8")
    with pytest.raises(CourseError, match="with the settings of the recipe"):
        record_frontier(resumed, given=tiny_run, prompts=3, samples=32)


def test_it_is_the_reference_that_writes_and_not_the_policy(tiny_run):
    setup = Setup(RunSettings(**tiny_run))
    scorer = setup.scorer(load_reward_model(tiny_run["reward_model"]))
    scores = reference_scores(setup, scorer, prompt=0, samples=8)
    with torch.no_grad():
        for parameter in setup.policy.parameters():
            parameter.mul_(-3)
    assert torch.equal(reference_scores(setup, scorer, prompt=0, samples=8), scores)
    assert len(scores.unique()) > 1
