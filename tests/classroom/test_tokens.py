import pytest
from matplotlib.colors import to_rgb

from course_lib.classroom.tokens import ColouredTokens, score_changes, tint
from course_lib.training.files.errors import CourseError
from course_lib.training.reward_model import load_reward_model


def test_tokens_stand_with_their_numbers_and_are_escaped():
    shown = ColouredTokens(["A", " <b>", " film"], [0.25, -1.0, 0.0], says="advantage", decimals=2)
    assert repr(shown) == "advantage: A (+0.25) <b> (−1.00) film (+0.00)"
    assert "<b>" not in shown.html
    assert "&lt;b&gt;: −1.00" in shown.html
    assert shown._repr_html_() == shown.html


def test_a_prompt_stands_in_front_without_a_number():
    shown = ColouredTokens([" film"], [1.0], prompt="A <i>", says="advantage")
    assert repr(shown) == "advantage: A <i> … film (+1.0)"
    assert shown.html.index("A &lt;i&gt;</span>") < shown.html.index("film")
    assert shown.html.count("title=") == 1


def test_a_token_that_begins_with_a_space_stands_apart():
    first, second = (ColouredTokens([token], [1.0]).html for token in ("ure", " film"))
    assert "2px 1px" in first
    assert "2px 6px" in second


def test_teal_is_above_zero_and_vermilion_below_and_the_limit_is_where_it_is_strongest():
    red, _, blue = to_rgb(tint(1.0))
    assert blue > red
    red, _, blue = to_rgb(tint(-1.0))
    assert red > blue
    assert tint(0.0) == "#ffffff"
    assert tint(5.0) == tint(1.0)
    assert tint(1.0) in ColouredTokens(["a", "b"], [0.5, 0.1], limit=0.5).html
    assert tint(1.0) not in ColouredTokens(["a", "b"], [0.5, 0.1], limit=2.0).html


def test_as_many_numbers_as_tokens():
    with pytest.raises(CourseError, match="2 tokens, but 1"):
        ColouredTokens(["a", "b"], [1.0])


def test_no_token_at_all_is_no_error():
    assert "<span" not in ColouredTokens([], []).html


def test_what_the_tokens_add_sums_to_the_score_and_the_tokens_to_the_text(reward_checkpoint):
    model = load_reward_model(reward_checkpoint)
    tokens, changes = score_changes(model, "a film")
    assert tokens == list("a film")
    empty, beginning, whole = model.score(["", "a", "a film"]).tolist()
    assert changes[0] == pytest.approx(beginning - empty, abs=1e-5)
    assert sum(changes) == pytest.approx(whole - empty, abs=1e-5)
