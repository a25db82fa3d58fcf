import base64
import io

import pytest
from PIL import Image

from course_lib.classroom.choices import Choice, ChoiceFile, TextPair, choose_by_rules
from course_lib.classroom.own_model import Estimate, Verdict
from course_lib.classroom.widgets import annotator as module
from course_lib.classroom.widgets.annotator import ENOUGH, Annotator, say_verdict

PAIRS = [TextPair("A film", f"A film <b>{i}</b> great", f"A film {i} bad") for i in range(7)]
VERDICT = Verdict(5, 4, Estimate(0.8, 0.38, 0.96), Estimate(0.52, 0.48, 0.55), Estimate(0.78, 0.76, 0.8), crowd=0.79)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "my_choices.jsonl"


@pytest.fixture
def judged(monkeypatch):
    """Training replaced by a fixed verdict; the list holds what it was asked to learn from."""
    asked = []

    def judge_choices(choices):
        asked.append(list(choices))
        return VERDICT

    monkeypatch.setattr(module, "judge_choices", judge_choices)
    return asked


def test_every_button_and_key_answers_the_pair_on_show(path):
    annotator = Annotator(PAIRS, path)
    annotator.buttons["left"].click()
    annotator.buttons["neither"].click()
    annotator.buttons["right"].click()
    annotator.arrows.value = "left"
    annotator.arrows.value = "right"
    answers = ["left", "neither", "right", "left", "right"]
    assert annotator.choices == [Choice(pair, answer) for pair, answer in zip(PAIRS, answers, strict=False)]
    assert annotator.arrows.value == ""  # it sprang back, ready for the next key
    assert ChoiceFile(path).read() == (annotator.choices, [])
    assert "5 of 7" in annotator.progress.value


def test_choices_are_taken_up_the_next_time(path):
    Annotator(PAIRS, path).answer("left")
    again = Annotator(PAIRS, path)
    assert again.choices == [Choice(PAIRS[0], "left")]
    assert again.pair == PAIRS[1]


def test_undo(path):
    annotator = Annotator(PAIRS, path)
    assert annotator.buttons["undo"].disabled
    annotator.answer("left")
    annotator.buttons["undo"].click()
    assert annotator.pair == PAIRS[0]
    assert ChoiceFile(path).read() == ([], [])


def test_a_damaged_line_is_told_and_the_others_are_taken_up(path):
    Annotator(PAIRS, path).answer("left")
    with path.open("a") as stream:
        stream.write("{ damaged")
    annotator = Annotator(PAIRS, path)
    assert "line 2" in annotator.sentence.value
    annotator.buttons["right"].click()
    assert annotator.choices == [Choice(PAIRS[0], "left"), Choice(PAIRS[1], "right")]
    assert "{ damaged\n" in path.read_text()
    assert Annotator(PAIRS, path).choices == annotator.choices


def test_what_is_no_text_is_told_and_left_as_it_is(path):
    path.write_bytes(b"\xff\xfe")
    annotator = Annotator(PAIRS, path)
    annotator.buttons["left"].click()
    assert "move it away" in annotator.sentence.value
    assert "not kept" in annotator.sentence.value
    assert path.read_bytes() == b"\xff\xfe"
    assert annotator.choices == [Choice(PAIRS[0], "left")]


def test_where_nothing_can_be_written_that_is_told_and_the_choices_count(tmp_path, judged):
    annotator = Annotator(PAIRS, tmp_path / "no-such-folder" / "choices.jsonl")
    for _ in range(ENOUGH):
        annotator.buttons["left"].click()
        assert "make it writable. Until then your choices count, but are not kept." in annotator.sentence.value
    annotator.buttons["undo"].click()
    assert annotator.pair == PAIRS[ENOUGH - 1]
    annotator.buttons["right"].click()
    annotator.buttons["train"].click()
    assert [choice.answer for choice in judged[0]] == ["left"] * (ENOUGH - 1) + ["right"]


def test_two_notebooks_take_back_their_own_choices(path):
    one, other = Annotator(PAIRS[:3], path), Annotator(PAIRS[3:], path)
    one.answer("left")
    other.answer("right")
    one.undo()
    other.answer("left")
    assert Annotator(PAIRS, path).choices == [Choice(PAIRS[3], "right"), Choice(PAIRS[4], "left")]


def test_training_waits_for_enough_choices_and_leaves_a_picture_and_words(path, judged):
    annotator = Annotator(PAIRS, path)
    annotator.buttons["neither"].click()
    for _ in range(ENOUGH):
        assert annotator.buttons["train"].disabled
        annotator.train()
        annotator.buttons["left"].click()
    assert judged == []
    annotator.buttons["train"].click()
    assert len(judged[0]) == ENOUGH + 1
    assert "4 of 5 pairs" in annotator.sentence.value
    bundle = annotator._repr_mimebundle_()
    assert bundle["text/plain"] == say_verdict(VERDICT)
    assert Image.open(io.BytesIO(base64.b64decode(bundle["image/png"]))).width > 300


@pytest.mark.parametrize("change", [lambda annotator: annotator.undo(), lambda annotator: annotator.answer("left")])
def test_a_verdict_on_other_choices_is_not_shown(path, judged, change):
    annotator = Annotator(PAIRS, path)
    untrained = annotator.png, annotator.says
    for _ in range(ENOUGH):
        annotator.answer("left")
    annotator.train()
    assert annotator.png != untrained[0]
    change(annotator)
    assert annotator.verdict is None
    assert annotator.picture.value == annotator.sentence.value == ""
    assert (annotator.png, annotator.says) == untrained


def test_when_all_pairs_are_answered_nothing_more_is_asked(path):
    annotator = Annotator(PAIRS, path)
    for _ in range(len(PAIRS) + 1):
        annotator.answer("right")
    assert len(annotator.choices) == len(PAIRS)
    assert annotator.arrows.disabled
    assert "thank you" in annotator.cards.value


def test_somebody_else_may_answer_and_leaves_no_file(path, judged):
    annotator = Annotator(PAIRS, path, choose=choose_by_rules)
    assert [choice.answer for choice in judged[0]] == ["left"] * len(PAIRS)
    assert not path.exists()
    assert annotator.picture.value.count("<img")


def test_without_choices_there_are_words_that_do_not_depend_on_them(path):
    before = Annotator(PAIRS, path)
    bundle = before._repr_mimebundle_()
    before.answer("left")
    assert Annotator(PAIRS, path)._repr_mimebundle_()["text/plain"] == bundle["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert Annotator(PAIRS, path.with_name("none.jsonl")).gaps() == []


def test_what_the_model_wrote_is_escaped(path):
    assert "&lt;b&gt;0&lt;/b&gt;" in Annotator(PAIRS, path).cards.value
