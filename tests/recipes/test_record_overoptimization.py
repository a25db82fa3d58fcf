"""Over-optimisation and its remedies, recorded at a tiny size: whole, comparable, and going on after a stop."""

import json
from functools import cache
from pathlib import Path

import pytest

from course_lib.recipes import record_overoptimization as recipe
from course_lib.recipes import record_remedies
from course_lib.recipes.record_overoptimization import record_overoptimization
from course_lib.training import fit, setup
from course_lib.training.experiments import proxies
from course_lib.training.experiments.recordings import load_recording
from course_lib.training.files.errors import CourseError
from course_lib.training.ratings import load_ratings


@pytest.fixture(scope="module")
def recorded(tiny_run, tmp_path_factory) -> Path:
    """The folder of both experiments, recorded at a tiny size."""
    folder, read_once = tmp_path_factory.mktemp("runs"), cache(load_ratings)
    with pytest.MonkeyPatch.context() as patch:
        for module in (setup, proxies, recipe):
            patch.setattr(module, "load_ratings", read_once)
        patch.setattr(fit, "LEAST_STEPS", 2)
        patch.setattr(record_remedies, "MEMBERS", 2)
        record_overoptimization(folder / "overoptimization.json", **tiny(tiny_run, folder))
        record_remedies.record_remedies(
            folder / "remedies.json", given=tiny_run, seeds=1, count=16, kept=folder / "proxies"
        )
    return folder


def tiny(given: dict, folder: Path) -> dict:
    """The options that make the experiment `overoptimization` tiny."""
    return {"given": given, "pairs": (16,), "seeds": 2, "samples": 4, "kept": folder / "proxies"}


def test_both_experiments_are_recorded_whole(recorded):
    runs = load_recording("overoptimization", folder=recorded)
    assert [(run.name, run.seed, run.changes["method"]) for run in runs] == [
        (f"{method}, 16 pairs", seed, method.replace(" ", "-")) for seed in range(2) for method in ("ppo", "best of n")
    ]
    for run in runs:
        assert run.metrics.keys() >= {"kl", "score", "gold", "judge", "distinct_2", "response_length"}
        assert run.metrics.get("step", [1, 2, 3]) == [1, 2, 3]
        assert run.metrics.get("n", [1, 2, 4]) == [1, 2, 4]
        assert 0 < run.before["pair_accuracy"] < 1
        assert {"score", "gold", "judge", "kl"} <= run.after.keys()
        assert sum("gap" in sample for sample in run.samples) == 8
        along = [sample.get("step", sample.get("n")) for sample in run.samples if "gap" not in sample]
        assert sorted(set(along)) == ([] if run.seed else [1, 3] if "step" in run.metrics else [1, 2, 4])


def test_every_remedy_starts_where_the_run_without_one_started_and_goes_its_own_way(recorded):
    plain, *tried = load_recording("remedies", folder=recorded)
    assert (plain.name, [run.name for run in tried]) == ("no remedy", list(record_remedies.TRIED))
    (same,) = (
        run
        for run in load_recording("overoptimization", folder=recorded)
        if run.name == "ppo, 16 pairs" and not run.seed
    )
    assert plain.metrics == same.metrics
    for run in tried:
        assert run.metrics["gold"][0] == plain.metrics["gold"][0]
        assert run.metrics["policy_loss"] != plain.metrics["policy_loss"]
    assert [run.metrics["kl_coef"][0] for run in tried[:2]] == [0.05, 0.2]


def test_a_recording_goes_on_where_it_stopped_as_if_it_had_not(recorded, tiny_run, tmp_path):
    lines = (recorded / "overoptimization.json").read_text(encoding="utf-8").splitlines()
    stopped = tmp_path / "overoptimization.json"
    stopped.write_text("\n".join([*lines[:-2], "]}"]).replace("},\n]}", "}\n]}"), encoding="utf-8")
    record_overoptimization(stopped, **tiny(tiny_run, recorded))
    whole = json.loads((recorded / "overoptimization.json").read_text(encoding="utf-8"))
    assert json.loads(stopped.read_text(encoding="utf-8")) == whole


def test_remedies_need_the_run_without_one(tiny_run, tmp_path):
    with pytest.raises(CourseError, match="record overoptimization first"):
        record_remedies.record_remedies(tmp_path / "remedies.json", given=tiny_run, seeds=1, count=16, kept=tmp_path)
