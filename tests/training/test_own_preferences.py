"""Preferences of a user's own: each counted, told, and on one side of the split."""

import json

import pytest
import torch

from course_lib.training.conversations import TextPair
from course_lib.training.files.errors import CourseError
from course_lib.training.fit import FitSettings, enough_epochs, fit
from course_lib.training.own_preferences import own_preferences, split
from course_lib.training.reward_model import load_reward_model

PAIRS = [{"prompt": f"{number}: ", "chosen": "good", "rejected": "bad"} for number in range(30)]


@pytest.fixture
def model(reward_checkpoint):
    return load_reward_model(reward_checkpoint)


@pytest.fixture
def read(model, tmp_path):
    """Read preferences from rows."""

    def read(rows, *, most=1000, seed=0):
        path = tmp_path / "pairs.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        preferences = own_preferences(path, model, most=most, seed=seed)
        preferences.told = [sentence.replace(str(path), "FILE") for sentence in preferences.told]
        return preferences

    return read


def texts_of(model, examples):
    """The pairs of some examples as the model reads them."""
    texts = model.tokenizer.batch_decode(examples.inputs, skip_special_tokens=True)
    return [(texts[a], texts[b]) for a, b in zip(examples.chosen, examples.rejected, strict=True)]


def test_every_pair_is_used_once_and_what_is_left_out_is_counted(read, model):
    odd = [
        PAIRS[3],
        {"prompt": "a", "chosen": " ", "rejected": "b"},
        {"prompt": "a", "chosen": "b", "rejected": None},
        {"chosen": "same", "rejected": "same"},
        {"prompt": PAIRS[0]["prompt"], "chosen": "bad", "rejected": "good"},
    ]
    preferences = read(PAIRS + odd)
    train, held_out = (texts_of(model, part) for part in (preferences.examples, preferences.held_out))
    expected = [(row["prompt"] + row["chosen"], row["prompt"] + row["rejected"]) for row in [*PAIRS, odd[-1]]]
    assert sorted(train + held_out) == sorted(expected)
    assert len(held_out) == 3
    assert preferences.told == [
        "From FILE: 31 pairs of 8 to 10 tokens in 35 rows; left out: 2 with an empty side, "
        "1 with the same text on both sides, 1 there before.",
        "1 are there the other way round too, and count both ways.",
        "28 are learned from, 3 held out to judge by.",
    ]


def test_of_too_many_pairs_the_seed_draws_some_which_is_told_and_the_same_are_held_out(read, model):
    first, again, other = (read(PAIRS, most=5, seed=seed) for seed in (0, 0, 1))
    assert first.told[-1] == "5 of 27, as --pairs says, are learned from, 3 held out to judge by."
    texts = [(texts_of(model, each.examples), texts_of(model, each.held_out)) for each in (first, again, other)]
    assert texts[0] == texts[1]
    assert texts[0][0] != texts[2][0]
    assert texts[0][1] == texts[2][1]


def test_pairs_that_differ_where_the_model_does_not_read_teach_nothing_and_are_told(read, model, capsys):
    long = [{"chosen": side + "x" * 60, "rejected": "b" + "x" * 60} for side in "ac"]
    preferences = read([*PAIRS[:3], *long])
    assert "; left out: 2 alike as far as the reward model reads." in preferences.told[0]
    assert len(preferences.examples) == 3
    assert "4 of 10 texts are longer than the 48 tokens that the reward model reads" in capsys.readouterr().err


def pairs(*prompts):
    return [TextPair(prompt, f"{prompt} {number}", "no") for number, prompt in enumerate(prompts)]


def test_pairs_of_one_prompt_are_on_one_side():
    train, held_out = split(pairs(*(f"prompt {number // 2}" for number in range(60))))
    assert (len(train), len(held_out)) == (54, 6)
    assert not {pair.prompt for pair in train} & {pair.prompt for pair in held_out}


@pytest.mark.parametrize("prompts", [[""] * 40, ["one"] * 40, ["one", "two"] * 20])
def test_where_there_are_few_prompts_pairs_are_shared_out_all_the_same(prompts):
    train, held_out = split(pairs(*prompts))
    assert (len(train), len(held_out)) == (36, 4)


def test_a_prompt_with_most_of_the_pairs_is_learned_from():
    others = [f"prompt {number}" for number in range(20)]
    for place in range(21):
        train, held_out = split(pairs(*others[:place], *["one"] * 80, *others[place:]))
        assert (len(train), len(held_out)) == (90, 10)


def test_a_model_learns_from_them_and_is_judged_by_those_held_out(read, model):
    preferences = read(PAIRS)
    settings = FitSettings(epochs=30, learning_rate=1e-2)
    options = {"settings": settings, "generator": torch.Generator().manual_seed(0)}
    records = list(fit(model, preferences.examples, **options, validate=preferences.validate))
    assert records[-1]["validation_pair_accuracy"] == 1
    assert preferences.verdict(model) == (
        "The reward model is right about 100% of 3 pairs held out; who always prefers the longer text is right about "
        "100%, a coin about 50%."
    )


def test_of_few_pairs_none_is_held_out_which_is_told(read, model):
    preferences = read(PAIRS[:9])
    assert preferences.told[-1] == "9 are learned from, 0 held out to judge by."
    assert preferences.validate(model) == {}
    assert "cannot be told" in preferences.verdict(model)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "the file is empty"),
        ([{"chosen": "", "rejected": "a"}] * 2, "2 with an empty side"),
        ([{"chosen": "a", "rejected": "a"}], "1 with the same text on both sides"),
    ],
)
def test_a_file_without_a_pair_is_one_sentence(read, rows, why):
    with pytest.raises(CourseError, match=rf"two different texts in .*, but none is left \({why}\); mend the file"):
        read(rows)


def test_few_pairs_are_passed_over_more_often():
    assert [enough_epochs(count, batch_size=32) for count in (1, 32, 33, 960, 961, 10_000)] == [30, 30, 15, 1, 1, 1]
