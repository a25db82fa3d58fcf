"""Prompts of a user's own: each counted, told, whole, and on one side of the split."""

import pytest
import torch
from shared.tiny_models import byte_tokenizer

from course_lib.training.files.errors import CourseError
from course_lib.training.own_prompts import own_prompts
from course_lib.training.reward_model import load_reward_model
from course_lib.training.settings import RunSettings
from course_lib.training.setup import Setup

BOS = 0


@pytest.fixture
def read(tmp_path, capsys):
    """Read prompts from lines: what is trained on and what is held out, as texts, and what was said."""

    def read(lines, *, most_tokens=50):
        path = tmp_path / "prompts.txt"
        path.write_text("\n".join(lines), encoding="utf-8")
        train, test = own_prompts(path, byte_tokenizer(), most_tokens=most_tokens, tell=True)
        return texts_of(train), texts_of(test), capsys.readouterr().err.replace(str(path), "FILE").splitlines()

    return read


def texts_of(prompts):
    assert (prompts[:, 0] == BOS).all()
    return byte_tokenizer().batch_decode(prompts, skip_special_tokens=True)


def test_every_prompt_is_used_once_whole_and_what_is_left_out_is_counted(read):
    lines = [f"Film {number}" for number in range(1, 13)]
    train, test, said = read([*lines, "", "  ", *lines[:5], "A very long film"])
    assert sorted(train + test) == sorted([*lines, "A very long film"])
    assert (len(train), len(test)) == (10, 3)
    assert said == [
        "From FILE: 13 prompts of 6 to 16 tokens in 20 rows; left out: 2 empty, 5 there before.",
        "10 are trained on, 3 held out to judge by.",
    ]
    assert read([*lines, "A very long film"])[:2] == (train, test), "the split is the same each time"


def test_of_a_long_prompt_the_end_is_kept_which_is_told(read):
    train, test, said = read(["A film", "A very long film"], most_tokens=9)
    assert {*train, *test} == {"A film", "long film"}
    assert "1 are longer than the 9 tokens beside the response, and lose their beginning." in said


def test_the_only_prompt_is_trained_on_and_judged_by(read):
    train, test, said = read(["A film"])
    assert train == test == ["A film"]
    assert said[-1] == "It is trained on and judged by, as there is no other."


def test_a_file_without_a_prompt_is_refused(read):
    with pytest.raises(CourseError, match=r"Expected prompts in .*, but there is none; write one a line"):
        read(["", "  "])


def test_what_spells_out_a_special_token_stays_text(read):
    assert read(["A <|bos|> film"])[0] == ["A <|bos|> film"]


def test_a_training_continues_them_whole_at_the_values_and_scores_of_their_texts(tiny_run, tmp_path):
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"prompt": "The acting in this film"}\n{"prompt": "It"}\n{"prompt": "One of the"}\n')
    setup = Setup(RunSettings(**tiny_run | {"prompts": str(path), "evaluation_prompts": 7}))
    assert len(setup.test_prompts) == 7
    reward_model = load_reward_model(tiny_run["reward_model"])
    scorer = setup.scorer(reward_model)
    _, rows = setup.evaluate(scorer)
    held_out = {row["prompt"] for row in rows}
    assert all(row["text"].startswith(row["prompt"]) for row in rows)
    assert held_out < {"The acting in this film", "It", "One of the"}
    setup.start(reward_model)
    rollout = setup.continue_prompts(setup.training_prompts, torch.Generator().manual_seed(0))
    values = setup.policy(rollout.token_ids, rollout.response_mask).values
    for row, text in enumerate(scorer.texts(rollout)):
        ids = reward_model.encode([text])[0]
        before_response = int(rollout.prompt_ids.shape[1] - setup.policy.begins(rollout.prompt_ids)[row])
        running = reward_model.running_scores(ids[None])[0, before_response - 1]
        expected = reward_model.gain * running + reward_model.bias
        assert values[row, 0].item() == pytest.approx(expected.item(), abs=1e-4)
    assert [record["step"] for record in setup.records(scorer)] == [1, 2, 3]
