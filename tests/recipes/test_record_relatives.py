"""The relatives beside each other at a tiny size: what is recorded of each, and that it can be loaded."""

import json
import os
import time
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from shared.tiny_models import byte_tokenizer, make_tiny_lm

from course_lib.recipes import record_relatives
from course_lib.recipes.record_relatives import METHODS, SEEDS, in_a_process_of_its_own, on_the_clock
from course_lib.recipes.recording_file import command
from course_lib.training.experiments.recordings import Recording, load_recording
from course_lib.training.files.paths import RUNS
from course_lib.training.reward_model import new_reward_model
from course_lib.training.settings import RunSettings

TINY = {"iterations": 3, "batch_size": 8, "response_len": 6, "evaluation_prompts": 8}
NAMES = ["PPO", "REINFORCE", "RLOO", "GRPO", "DPO", "best of n"]
COLUMNS = {"tokens", "score", "kl", "judge", "distinct_2", "response_length", "seconds"}
HELD_OUT = {"score", "kl", "eos_share", "response_length", "judge", "distinct_2", "top_word_share"}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    """The file of all methods, recorded in this process."""
    folder = tmp_path_factory.mktemp("models")
    make_tiny_lm(vocab_size=259, context=48).save_pretrained(folder / "lm")
    byte_tokenizer().save_pretrained(folder / "lm")
    new_reward_model(folder / "lm", generator=torch.Generator().manual_seed(0)).save(folder / "reward")
    given = TINY | {"model": str(folder / "lm"), "reward_model": str(folder / "reward")}
    path = tmp_path_factory.mktemp("runs") / "relatives.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record_relatives, "in_a_process_of_its_own", lambda function, *arguments: function(*arguments))
        record_relatives.record_relatives(path, given=given, seeds=1)
        patch.setattr(record_relatives, "in_a_process_of_its_own", lambda *_: pytest.fail("it is there already"))
        record_relatives.record_relatives(path, given=given, seeds=1)
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
    assert all(run.after["kl"] > 0 for run in runs.values())
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


def test_the_clock_stands_still_between_two_records():
    def records():
        for step in (1, 2):
            yield {"step": step, "update_seconds": 7.0}

    clocked = []
    for record in on_the_clock(records()):
        clocked.append(record)
        until = time.process_time() + 0.05
        while time.process_time() < until:
            pass
    assert [record.keys() for record in clocked] == [{"step", "seconds"}] * 2
    assert clocked[-1]["seconds"] < 0.05


def test_a_process_of_its_own_is_another_process():
    assert in_a_process_of_its_own(os.getpid) != os.getpid()


def test_the_shipped_recording_is_complete_and_what_the_recipe_would_run():
    shipped = load_recording("relatives")
    changes = {name: METHODS[name].changes if name in METHODS else {} for name in NAMES}
    planned = [(name, seed, {"method": name} | changes[name]) for seed in range(SEEDS) for name in NAMES]
    assert [(run.name, run.seed, run.changes) for run in shipped] == planned
    content = json.loads((RUNS / "relatives.json").read_text(encoding="utf-8"))
    assert content["made_with"] == command("relatives")
    assert content["settings"] == asdict(RunSettings())
    for run in shipped:
        assert run.metrics.keys() >= COLUMNS
        assert run.after.keys() == HELD_OUT | {"seconds", "peak_memory_gb"}
        assert run.before == next(other.before for other in shipped if other.seed == run.seed)
        assert len(run.metrics["kl"]) == (7 if run.name == "best of n" else 28)
