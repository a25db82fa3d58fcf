"""The recorder at a tiny size: what it writes, and that it goes on where it stopped."""

import json
from pathlib import Path

import pytest
import torch

from course_lib.recipes import record, record_label_noise
from course_lib.recipes.record import EXPERIMENTS, Experiment, PlannedRun, record_experiment
from course_lib.recipes.record_label_noise import first_pairs, flip, mean_pairs
from course_lib.recipes.recording_file import rounded
from course_lib.training.experiments.bugs import BUGS
from course_lib.training.experiments.recordings import load_recording
from course_lib.training.files.errors import CourseError
from course_lib.training.fit import PreferredTexts
from course_lib.training.ppo import PPO
from course_lib.training.ratings import RatedSentence
from course_lib.training.settings import RunSettings

RUNS = [
    PlannedRun("default", 0),
    PlannedRun("1 epoch", 0, {"epochs": 1}),
    PlannedRun("kl sign", 1, method=BUGS["kl sign"]),
    PlannedRun("no clip", 1, method=PPO(clipped_objective=record.unclipped_objective)),
]


@pytest.fixture(scope="module")
def recorded(tiny_run, tmp_path_factory) -> Path:
    """The file of a tiny experiment, recorded without a break."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(EXPERIMENTS, "tiny", Experiment({}, RUNS))
        path = tmp_path_factory.mktemp("data") / "runs" / "tiny.json"
        record_experiment("tiny", out=path, given=tiny_run)
    return path


def test_what_is_recorded_can_be_loaded(recorded):
    runs = load_recording("tiny", folder=recorded.parent)
    assert [(run.name, run.seed, run.changes) for run in runs] == [(run.name, run.seed, run.changes) for run in RUNS]
    assert all(run.metrics["step"] == [1, 2, 3] and len(run.samples) == 6 for run in runs)
    assert runs[0].before == runs[1].before != runs[2].before == runs[3].before
    assert not any(name.endswith("seconds") for name in runs[0].metrics)
    lines = recorded.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line.rstrip(","))["name"] for line in lines[4:-1]] == [run.name for run in RUNS]
    assert [path.name for path in recorded.parent.iterdir()] == ["tiny.json"]


def test_objective_gather_and_changes_reach_the_training(recorded):
    default, one_epoch, kl_sign, no_clip = load_recording("tiny", folder=recorded.parent)
    assert default.metrics["approx_kl"][0] > one_epoch.metrics["approx_kl"][0]
    assert default.metrics["kl_coef"] == kl_sign.metrics["kl_coef"] == [RunSettings().kl_coef] * 3
    assert kl_sign.metrics["policy_loss"] != no_clip.metrics["policy_loss"]


def test_a_recording_goes_on_where_it_stopped_as_if_it_had_not(recorded, tiny_run, tmp_path, monkeypatch):
    lines = recorded.read_text(encoding="utf-8").splitlines()
    resumed = tmp_path / "resumed.json"
    resumed.write_text("\n".join([*lines[:-2], "]}"]).replace("},\n]}", "}\n]}"), encoding="utf-8")
    made, whole = [], record.record_run

    def watched(planned, settings, *, starts):
        made.append(planned.name)
        return whole(planned, settings, starts=starts)

    monkeypatch.setitem(EXPERIMENTS, "tiny", Experiment({}, RUNS))
    monkeypatch.setattr(record, "record_run", watched)
    for _ in range(2):
        record_experiment("tiny", out=resumed, given=tiny_run)
        assert resumed.read_text(encoding="utf-8") == recorded.read_text(encoding="utf-8")
    assert made == [RUNS[-1].name]


def test_runs_of_other_settings_are_not_mixed_in(recorded, tiny_run, monkeypatch):
    monkeypatch.setitem(EXPERIMENTS, "tiny", Experiment({"learning_rate": 0.1}, RUNS))
    with pytest.raises(CourseError, match="with the settings of the recipe"):
        record_experiment("tiny", out=recorded, given=tiny_run)


def test_numbers_have_four_digits():
    assert rounded({"a": [0.123456, 12345.6, 7, None, "0.123456"]}) == {"a": [0.1235, 12350.0, 7, None, "0.123456"]}


def test_the_objectives_of_the_clip_experiment():
    ratio, advantages = torch.tensor([2.0, 0.5]), torch.tensor([1.0, -1.0])
    assert record.unclipped_objective(ratio, advantages, clip_eps=0.2).tolist() == [2.0, -0.5]
    # 2 - 10 * (1 - ln 2) and -0.5 - 10 * (-0.5 + ln 2)
    assert record.penalised(10.0)(ratio, advantages, clip_eps=0.2).tolist() == pytest.approx(
        [-1.0685, -2.4315], abs=1e-3
    )


def test_an_unknown_experiment_is_refused(capsys):
    with pytest.raises(SystemExit):
        record.main(["clips"])
    assert "invalid choice: 'clips'" in capsys.readouterr().err


def test_flips_turn_round_about_the_share_asked_for_and_include_smaller_ones():
    examples = PreferredTexts(torch.zeros(2, 1), torch.zeros(4000, dtype=int), torch.ones(4000, dtype=int))
    few, many = (flip(examples, noise=noise, generator=torch.Generator().manual_seed(0)) for noise in (0.1, 0.4))
    assert few.chosen.float().mean().item() == pytest.approx(0.1, abs=0.02)
    assert many.chosen.float().mean().item() == pytest.approx(0.4, abs=0.03)
    assert (many.chosen >= few.chosen).all()
    assert (many.rejected == 1 - many.chosen).all()
    assert flip(examples, noise=0.0, generator=torch.Generator()).chosen.sum() == 0


def test_everybody_decides_by_the_mean():
    liked = RatedSentence(1, "a", (4, 4, -3), "train")  # mean 5/3; one of three raters prefers the other sentence
    disliked = RatedSentence(2, "b", (1, 1, 1), "train")
    pairs = mean_pairs([liked, disliked], count=50, generator=torch.Generator().manual_seed(0))
    assert all(pair.chosen.id == 1 for pair in pairs)


def test_the_first_pairs_are_a_part_of_more_pairs():
    examples = PreferredTexts(torch.zeros(4, 1), torch.tensor([0, 1, 2]), torch.tensor([3, 2, 1]))
    assert (first_pairs(examples, 2).chosen.tolist(), first_pairs(examples, 2).rejected.tolist()) == ([0, 1], [3, 2])


def test_label_noise_is_recorded_at_a_tiny_size(monkeypatch):
    monkeypatch.setattr(record_label_noise, "STEPS", 5)
    settings, runs = record_label_noise.record_label_noise(pairs=(8, 16), noise=(0.0, 0.5), seeds=1)
    assert [run["name"] for run in runs] == ["everybody, noise 0", "one person, noise 0", "one person, noise 0.5"]
    assert all(run["metrics"]["pairs"] == [8, 16] for run in runs)
    assert all(0.3 < accuracy < 0.7 for run in runs for accuracy in run["metrics"]["pair_accuracy"])
    assert settings["least_steps"] == 5
