"""The relatives beside each other at a tiny size: what is recorded of each, and that it can be loaded."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from course_lib.recipes import record_relatives
from course_lib.recipes.record_relatives import in_a_process_of_its_own, on_the_clock
from course_lib.training.experiments.recordings import Recording, load_recording

NAMES = ["PPO", "REINFORCE", "RLOO", "GRPO", "DPO", "best of n"]
COLUMNS = {"tokens", "score", "kl", "judge", "distinct_2", "response_length", "seconds"}
HELD_OUT = {"score", "kl", "eos_share", "response_length", "judge", "distinct_2", "top_word_share"}


@pytest.fixture(scope="module")
def recorded(tiny_run, tmp_path_factory) -> Path:
    """The file of all methods, recorded in this process."""
    path = tmp_path_factory.mktemp("runs") / "relatives.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record_relatives, "in_a_process_of_its_own", lambda function, *arguments: function(*arguments))
        record_relatives.record_relatives(path, given=tiny_run, seeds=1)
        patch.setattr(record_relatives, "in_a_process_of_its_own", lambda *_: pytest.fail("it is there already"))
        record_relatives.record_relatives(path, given=tiny_run, seeds=1)
    return path


@pytest.fixture
def runs(recorded) -> dict[str, Recording]:
    return {run.name: run for run in load_recording("relatives", folder=recorded.parent)}


def test_all_methods_are_recorded_in_the_same_columns(runs):
    assert list(runs) == NAMES
    for name, run in runs.items():
        assert run.metrics.keys() >= COLUMNS
        assert run.before.keys() == HELD_OUT
        assert run.after.keys() == HELD_OUT | {"seconds", "peak_memory_gb"}
        assert len(run.samples) == 6
        assert run.metrics["n"] == [1, 2, 4, 8, 16, 32, 64] if name == "best of n" else run.metrics["step"] == [1, 2, 3]


def test_all_methods_start_from_the_same_reference(runs):
    assert all(run.before == runs["PPO"].before for run in runs.values())
    assert all(run.after["kl"] != 0 for run in runs.values())
    assert all(runs[name].metrics["kl"][0] == 0 for name in NAMES[:-1])


def test_tokens_and_seconds_add_up(runs):
    for run in runs.values():
        assert run.metrics["seconds"] == sorted(run.metrics["seconds"])
        assert run.metrics["seconds"][-1] == run.after["seconds"] > 0
    for name in ("PPO", "REINFORCE", "RLOO", "GRPO"):
        tokens, lengths = runs[name].metrics["tokens"], runs[name].metrics["response_length"]
        assert tokens == pytest.approx([8 * sum(lengths[:step]) for step in (1, 2, 3)], rel=1e-3)


def test_dpo_samples_everything_before_it_learns(runs):
    assert len(set(runs["DPO"].metrics["tokens"])) == 1
    assert 24 <= runs["DPO"].metrics["tokens"][0] <= 24 * 6


def test_more_responses_to_choose_from_score_higher(runs):
    scores = runs["best of n"].metrics["score"]
    assert scores == sorted(scores)
    assert scores[0] < scores[-1]
    assert all(sample["n"] == 64 for sample in runs["best of n"].samples)


def test_the_clock_stands_still_between_two_records(monkeypatch):
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(record_relatives, "time", SimpleNamespace(process_time=lambda: clock.now))

    def records():
        for step in (1, 2):
            clock.now += 3
            yield {"step": step, "update_seconds": 7.0}

    clocked = []
    for record in on_the_clock(records()):
        clocked.append(record)
        clock.now += 50
    assert clocked == [{"step": 1, "seconds": 3}, {"step": 2, "seconds": 6}]


def test_a_process_of_its_own_is_another_process():
    assert in_a_process_of_its_own(os.getpid) != os.getpid()
