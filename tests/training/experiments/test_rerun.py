"""A run with one of the silent mistakes, trained anew at a tiny size."""

import pytest

from course_lib.training import setup
from course_lib.training.experiments.bugs import rerun
from course_lib.training.files.errors import CourseError
from course_lib.training.ratings import load_ratings
from course_lib.training.settings import RunSettings


def test_a_mistake_is_rerun_live(checkpoint, reward_checkpoint, monkeypatch):
    reviews = {split: load_ratings(split=split)[:20] for split in ("train", "test")}
    monkeypatch.setattr(setup, "load_ratings", lambda split: reviews[split])
    settings = RunSettings(model=str(checkpoint), reward_model=str(reward_checkpoint), batch_size=8, response_len=6)
    sound, shifted = (list(rerun(name, steps=2, settings=settings)) for name in ("healthy", "logprobs shifted"))
    assert [record["step"] for record in shifted] == [1, 2]
    assert sound[0]["kl"] == pytest.approx(0, abs=1e-4)
    assert shifted[0]["approx_kl"] > 10 * sound[0]["approx_kl"]


def test_an_unknown_mistake_is_refused():
    with pytest.raises(CourseError, match="Expected one of healthy, kl sign"):
        rerun("sign of the KL")
