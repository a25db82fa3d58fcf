"""DPO's two log-ratios at a tiny size: what stands in the file, and that it goes on where it stopped."""

import pytest

from course_lib.recipes import record_dpo as recipe
from course_lib.recipes.record_dpo import KEPT, record_dpo
from course_lib.training.experiments.recordings import load_recording


def test_what_is_recorded_and_that_it_goes_on(tiny_run, tmp_path, monkeypatch):
    path = tmp_path / "dpo.json"
    record_dpo(path, given=tiny_run, seeds=1)
    monkeypatch.setattr(recipe, "record_run", lambda _: pytest.fail("it is there already"))
    record_dpo(path, given=tiny_run, seeds=1)
    runs = load_recording("dpo", folder=tmp_path)
    assert [run.changes for run in runs] == [{"learning_rate": 1e-4}, {"learning_rate": 3e-4}]
    for run in runs:
        assert run.metrics.keys() == set(KEPT)
        assert run.metrics["step"] == [1, 2, 3]
    slow, fast = (run.metrics["chosen_log_ratio"] for run in runs)
    assert slow[0] != fast[0], "the first step has several updates"
    assert runs[0].before == runs[1].before
