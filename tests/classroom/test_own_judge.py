"""A reward of a student's own, pleased in a cell: texts before and after, or one sentence and how far it came."""

import pytest

from course_lib.classroom.own_judge import please
from course_lib.training import setup as setup_file
from course_lib.training.ratings import load_ratings

QUICK = {"iterations": 2, "learning_rate": 1e-3}


@pytest.fixture
def tiny(tiny_run, monkeypatch):
    """Tiny models, few reviews and few samples to normalise on."""
    reviews = {split: load_ratings(split=split)[:40] for split in ("train", "test")}
    monkeypatch.setattr(setup_file, "load_ratings", lambda split: reviews[split])
    monkeypatch.setattr(setup_file, "REFERENCE_SAMPLES", 32)
    return tiny_run | QUICK


def lengths(texts):
    return [len(text) for text in texts]


def test_texts_before_and_after_with_what_all_three_say(tiny, capsys):
    table = please(lengths, **tiny)
    assert list(table.columns) == ["before", "after"]
    assert {"score", "reward_model", "judge"} <= table.columns["after"][0].keys()
    assert "your reward" in table._repr_html_()
    assert "Stopped" not in capsys.readouterr().out


def test_a_reward_that_stops_at_once_is_one_sentence_with_its_line(tiny, capsys):
    def my_reward(texts):
        return [1 / 0 for _ in texts]

    assert please(my_reward, **tiny) is None
    (said,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Stopped")]
    assert said.startswith("Stopped after 0 of 2 steps. Expected a number for each text from your my_reward")
    assert f"line {my_reward.__code__.co_firstlineno + 1}, stops with ZeroDivisionError" in said


def test_a_reward_that_fails_later_shows_how_far_it_came(tiny, capsys):
    calls = []

    def my_reward(texts):
        calls.append(texts)
        return lengths(texts) if len(calls) < 5 else [float("nan")] * len(texts)

    table = please(my_reward, **tiny)
    assert list(table.columns) == ["before", "after"]
    assert "Stopped after 1 of 2 steps. Expected finite numbers" in capsys.readouterr().out


def test_the_kernels_stop_button_ends_an_endless_reward(tiny):
    def my_reward(texts):
        raise KeyboardInterrupt

    assert please(my_reward, **tiny) is None
