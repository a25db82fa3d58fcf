import json

import pytest
import torch

from course_lib.classroom import own_model
from course_lib.classroom.choices import (
    Choice,
    ChoiceFile,
    TextPair,
    choose_by_rules,
    chosen_gaps,
    decided,
    write_pairs,
)
from course_lib.training.files.errors import CourseError
from course_lib.training.reward_model import load_reward_model

PAIR = TextPair("The film", "The film is great.", "The film is a bore.")
OTHER = TextPair("A", "A <b>tired</b> plot.", "A “new” plot.")


@pytest.fixture
def file(tmp_path):
    return ChoiceFile(tmp_path / "choices.jsonl")


def test_choices_are_read_as_they_were_made(file):
    assert file.read() == ([], [])
    made = [Choice(PAIR, "left"), Choice(OTHER, "neither")]
    for choice in made:
        file.add(choice)
    assert ChoiceFile(file.path).read() == (made, [])


def test_undo_takes_back_the_choice_of_its_pair_and_deletes_nothing(file):
    file.add(Choice(PAIR, "left"))
    file.add(Choice(OTHER, "right"))  # in another notebook, say
    file.undo(PAIR)
    assert file.read() == ([Choice(OTHER, "right")], [])
    assert len(file.path.read_text().splitlines()) == 3


def test_an_undo_without_a_choice_is_idle(file):
    file.undo(PAIR)
    file.add(Choice(PAIR, "left"))
    file.undo(OTHER)
    file.undo(OTHER)
    assert file.read() == ([Choice(PAIR, "left")], [])


def test_the_last_answer_to_a_pair_holds(file):
    for choice in (Choice(PAIR, "left"), Choice(OTHER, "right"), Choice(PAIR, "right")):
        file.add(choice)
    assert file.read() == ([Choice(OTHER, "right"), Choice(PAIR, "right")], [])


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '"left"',
        '{"answer": "undo"}',
        '{"answer": "left"}',
        json.dumps({"prompt": "", "left": "a", "right": "b", "answer": "both"}),
        json.dumps({"prompt": "", "left": "a", "right": "b", "answer": ["left"]}),
        json.dumps({"prompt": "", "left": "a", "right": "b", "answer": "left", "more": 1}),
        '{"prompt": "", "left": "a", "left": "b", "right": "c", "answer": "left"}',
    ],
)
def test_a_damaged_line_costs_one_line_and_is_told(file, line):
    file.add(Choice(PAIR, "left"))
    with file.path.open("a") as stream:
        stream.write(line)  # and no end of the line
    file.add(Choice(OTHER, "right"))
    assert file.read() == ([Choice(PAIR, "left"), Choice(OTHER, "right")], [2])


def test_blank_lines_and_a_mark_at_the_beginning_cost_nothing(file):
    file.add(Choice(PAIR, "left"))
    file.path.write_text("\ufeff" + file.path.read_text() + "\n  \n", encoding="utf-8")
    assert file.read() == ([Choice(PAIR, "left")], [])


def test_a_file_that_is_not_text_is_named(tmp_path):
    path = tmp_path / "choices.jsonl"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CourseError, match="move it away"):
        ChoiceFile(path).read()


def test_which_text_was_chosen():
    assert Choice(PAIR, "right").chosen == PAIR.right
    assert Choice(PAIR, "right").rejected == PAIR.left
    assert Choice(PAIR, "left").chosen == PAIR.left
    assert decided([Choice(PAIR, "neither"), Choice(OTHER, "left")]) == [Choice(OTHER, "left")]


def test_the_rules_answer_or_cannot_tell():
    assert choose_by_rules(PAIR) == "left"
    assert choose_by_rules(TextPair("", "A bore.", "A joy.")) == "right"
    assert choose_by_rules(TextPair("", "A film.", "A plot.")) == "neither"


def test_the_model_writes_pairs_that_differ_and_begin_alike():
    pairs = write_pairs(4, seed=3)
    assert len(set(pairs)) == 4
    for pair in pairs:
        assert pair.left != pair.right
        assert pair.left.startswith(pair.prompt)
        assert pair.right.startswith(pair.prompt)
    assert write_pairs(4, seed=3) == pairs


def test_gaps_are_chosen_minus_rejected(reward_checkpoint):
    model = load_reward_model(reward_checkpoint)
    great, bore = model.score([PAIR.left, PAIR.right]).tolist()
    gaps = chosen_gaps(model, [Choice(PAIR, "left"), Choice(OTHER, "neither"), Choice(PAIR, "right")])
    assert gaps.tolist() == pytest.approx([great - bore, bore - great], abs=1e-5)


def test_the_head_learns_a_direction_and_the_penalty_holds_it_back():
    differences = torch.tensor([[1.0, 0.0], [2.0, 1.0], [1.0, -1.0]])
    strong, weak = (own_model.fit_head(differences, torch.zeros(2), penalty=penalty) for penalty in (10.0, 1000.0))
    assert strong[0] > abs(strong[1])
    assert 0 < weak.norm() < strong.norm() / 20


def test_the_head_is_where_the_gradient_is_zero():
    differences = torch.tensor([[1.0, 0.0], [2.0, 1.0], [1.0, -1.0]], dtype=torch.double)
    start = torch.tensor([0.5, -1.0])
    w = own_model.fit_head(differences.float(), start, penalty=2.0).double().requires_grad_()
    loss = -torch.nn.functional.logsigmoid(differences @ w).sum() + 2.0 / 2 * ((w - start) ** 2).sum()
    loss.backward()
    assert w.grad.abs().max() < 1e-5


def test_wilson_of_five_in_ten():
    estimate = own_model.wilson(5, 10)  # 0.237 to 0.763, as tables have it
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((0.5, 0.2366, 0.7634), abs=1e-3)


@pytest.mark.parametrize("hits", [0, 10])
def test_wilson_stays_between_0_and_1(hits):
    estimate = own_model.wilson(hits, 10)
    assert -1e-9 <= estimate.low < estimate.high <= 1 + 1e-9


def test_a_large_penalty_keeps_the_head_where_it_began():
    differences, start = torch.tensor([[1.0, 0.0], [-2.0, 1.0]]), torch.tensor([0.3, -0.2])
    assert own_model.fit_head(differences, start, penalty=1e6).tolist() == pytest.approx(start.tolist(), abs=1e-5)
