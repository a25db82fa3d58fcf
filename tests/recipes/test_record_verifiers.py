"""The verifiers recorded at a tiny size: which runs, what stands in the file, and that it goes on where it stopped."""

import json
from pathlib import Path

import pytest

from course_lib.recipes import record_verifiers as recipe
from course_lib.recipes.record_verifiers import KEPT, Plan, plans, record_run, record_verifiers
from course_lib.training.experiments.recordings import load_recording
from course_lib.training.files.errors import CourseError

FEW = [Plan("short", "RLOO", 0.0), Plan("reward model", "PPO", 0.05), Plan("short", "Dr. GRPO", 0.0)]
HELD_OUT = {"score", "kl", "eos_share", "response_length", "judge", "distinct_2", "top_word_share", "reward_model"}
SIZES = {"seeds": 1, "prompts": 3, "samples": 4}


@pytest.fixture
def three_runs(monkeypatch):
    monkeypatch.setitem(recipe.RULES, "short", lambda text: len(text) < 25)
    monkeypatch.setattr(recipe, "plans", lambda: iter(FEW))


@pytest.fixture(scope="module")
def recorded(tiny_run, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "verifiers.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(recipe.RULES, "short", lambda text: len(text) < 25)
        patch.setattr(recipe, "plans", lambda: iter(FEW))
        record_verifiers(path, given=tiny_run, **SIZES)
    return path


def test_every_verifier_meets_every_method_with_and_without_the_penalty():
    planned = [(plan.pleased, plan.method, plan.kl_coef > 0) for plan in plans()]
    assert len(planned) == len(set(planned)) == 21
    rules = ("longest last", "alliteration", "staircase")
    crossed = {(rule, method, kl) for rule in rules for method in ("PPO", "RLOO", "GRPO") for kl in (False, True)}
    assert crossed | {("reward model", "PPO", False), ("reward model", "PPO", True)} < set(planned)


def test_what_is_recorded_of_each_run(recorded):
    runs = load_recording("verifiers", folder=recorded.parent)
    assert [run.changes["method"] for run in runs] == ["RLOO", "PPO", "Dr. GRPO"]
    for run in runs:
        assert run.metrics.keys() == set(KEPT)
        assert run.metrics["step"] == [1, 2, 3]
        assert len(run.samples) == 4
        verified = run.changes["pleased"] == "short"
        assert run.before.keys() == run.after.keys() == HELD_OUT | ({"passed"} if verified else set())
        if verified:
            assert all(0 <= score <= 1 for score in run.metrics["score"])
            assert len(run.after["passed"]) == 3
            assert all(0 <= count <= 4 for count in run.after["passed"])
    assert runs[0].before == runs[2].before
    assert runs[1].before["score"] == pytest.approx(runs[1].before["reward_model"], abs=1e-4)
    settings = json.loads(recorded.read_text(encoding="utf-8"))["settings"]
    assert (settings["prompts"], settings["samples"], settings["missing_eos_penalty"]) == (3, 4, 0.0)


@pytest.mark.usefixtures("three_runs")
def test_it_goes_on_where_it_stopped_as_if_it_had_not(recorded, tiny_run, tmp_path, monkeypatch):
    whole, resumed, made = recorded.read_text(encoding="utf-8"), tmp_path / "verifiers.json", []
    resumed.write_text("\n".join([*whole.splitlines()[:-2], "]}"]).replace("},\n]}", "}\n]}"), encoding="utf-8")

    def watched(plan, *options, **starts):
        made.append(plan.method)
        return record_run(plan, *options, **starts)

    monkeypatch.setattr(recipe, "record_run", watched)
    record_verifiers(resumed, given=tiny_run, **SIZES)
    assert made == ["Dr. GRPO"]
    assert resumed.read_text(encoding="utf-8") == whole
    with pytest.raises(CourseError, match="with the settings of the recipe"):
        record_verifiers(resumed, given=tiny_run, **SIZES | {"samples": 8})
