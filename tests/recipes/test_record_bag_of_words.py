"""PPO against a bag of words at a tiny size: what stands in the file, and that it goes on where it stopped."""

from pathlib import Path

import pytest

from course_lib.recipes import record_bag_of_words as recipe
from course_lib.recipes.record_bag_of_words import record_bag_of_words
from course_lib.training.experiments.recordings import Recording, load_recording

HELD_OUT = {"score", "kl", "eos_share", "response_length", "judge", "distinct_2", "top_word_share", "reward_model"}
ON_REVIEWS = {"pair_accuracy", "reward_model_pair_accuracy", "highest_review"}


@pytest.fixture(scope="module")
def recorded(tiny_run, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "bag_of_words.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe, "EVERY", 2)
        # its own tiny policy writes letters, so letters are its words
        patch.setattr(recipe, "fit_bag_of_words", lambda _: lambda texts: [float(text.count("e")) for text in texts])
        record_bag_of_words(path, given=tiny_run, seeds=1)
        patch.setattr(recipe, "record_run", lambda *_: pytest.fail("it is there already"))
        record_bag_of_words(path, given=tiny_run, seeds=1)
    return path


@pytest.fixture
def run(recorded) -> Recording:
    (run,) = load_recording("bag_of_words", folder=recorded.parent)
    return run


def test_what_is_recorded(run):
    assert run.metrics["step"] == [1, 2, 3]
    assert run.metrics.keys() >= {"score", "reward_model", "judge", "distinct_2", "kl"}
    assert run.after.keys() == HELD_OUT
    assert run.before.keys() == HELD_OUT | ON_REVIEWS


def test_texts_to_the_same_prompts_are_kept_along_the_way(run):
    assert [sample["step"] for sample in run.samples] == [1] * 4 + [3] * 4
    assert [sample["prompt"] for sample in run.samples[:4]] == [sample["prompt"] for sample in run.samples[4:]]


def test_reviews_are_scored_on_the_scale_of_the_reference(run):
    assert run.before["highest_review"] > 10  # of reviews with many letters; the reference writes six tokens
    assert 0 < run.before["pair_accuracy"] < 1
    assert run.before["reward_model_pair_accuracy"] != run.before["pair_accuracy"]
