import itertools
import re

import pytest
import torch

from course_lib.classroom.widgets.advantages import VALUE_FUNCTIONS, AdvantageDemo, SpreadDemo
from course_lib.equations.advantages import gae
from course_lib.training.experiments.recorded_advantages import Beginning, WrittenText, load_advantages
from course_lib.training.files.errors import CourseError

TEXT = WrittenText(
    "A", [" <b>bad</b>", " $film", "<|eos|>"], -1.5, torch.tensor([0.0, 0, -1]), torch.tensor([1.0, 0, 0])
)
# two texts a token; the one token is always followed by a score of 1, the other by -1
BEGINNINGS = [
    Beginning("It is", token, torch.tensor([[0.0, score], [0.0, score]]), torch.zeros(2, 2), torch.ones(2, 2).bool())
    for token, score in ((" fun", 1.0), (" dull", -1.0))
]


def test_every_corner_has_a_picture_and_a_sentence():
    demo = AdvantageDemo([TEXT, TEXT])
    for row, gamma, lam in itertools.product((0, 1), (0.0, 1.0), (0.0, 1.0)):
        for name, value in {"row": row, "gamma": gamma, "lam": lam}.items():
            demo.controls[name].value = value
        assert demo.says.startswith("“A <b>bad</b> $film” scored −1.50")


def test_the_numbers_are_those_of_the_equations():
    demo = AdvantageDemo([TEXT])
    demo.controls["lam"].value = 0.0
    # residuals: 0 + 0 - 1, 0 + 0 - 0, -1 - 0
    assert [segment[1][1] for segment in demo.pictured.advantages.get_segments()] == pytest.approx([-1, 0, -1])
    assert demo.pictured.returns.get_ydata() == pytest.approx([0, 0, -1])
    demo.controls["lam"].value = 1.0
    assert [segment[1][1] for segment in demo.pictured.advantages.get_segments()] == pytest.approx([-2, -1, -1])
    assert demo.pictured.residuals.get_ydata() == pytest.approx([-1, 0, -1])
    demo.controls["gamma"].value = 0.5
    assert [segment[1][1] for segment in demo.pictured.advantages.get_segments()] == pytest.approx([-1.25, -0.5, -1])


def test_a_value_stands_before_its_token_and_what_comes_with_the_token_in_its_column():
    demo = AdvantageDemo([TEXT], lam=0.0)  # three tokens behind a prompt: four columns, a quarter each
    pictured, edges, middles = demo.pictured, [0.25, 0.5, 0.75], [0.375, 0.625, 0.875]
    assert pictured.values.get_xdata() == pytest.approx(edges)
    assert pictured.values.get_ydata() == pytest.approx([1, 0, 0])
    assert pictured.returns.get_xdata() == pytest.approx(edges)
    assert pictured.residuals.get_xdata() == pytest.approx(middles)
    for with_the_token in (pictured.rewards, pictured.advantages):
        assert [segment[0][0] for segment in with_the_token.get_segments()] == pytest.approx(middles)
    assert [name.get_text() for name in pictured.names[:4]] == ["A", "<b>bad</b>", r"\$film", "<|eos|>"]
    assert [name.get_position()[0] for name in pictured.names[:4]] == pytest.approx([0.135, 0.385, 0.635, 0.885])
    # the value falls from 1 to 0 across the first column, and there the blame is
    assert demo.says.endswith(
        "0 of 3 tokens are encouraged. The largest advantage has “$film”, +0.00, the smallest “<b>bad</b>”, −1.00."
    )


def test_the_prompt_stands_in_the_strip_without_a_number():
    strip = AdvantageDemo([TEXT]).tokens.value
    assert strip.index(">A</span>") < strip.index("&lt;b&gt;bad")
    assert strip.count("title=") == 3


def test_a_demo_begins_at_the_lambda_that_is_asked_for():
    assert "lambda 0.00" in AdvantageDemo([TEXT], lam=0.0).says
    assert "lambda 0.90" in AdvantageDemo([TEXT]).says
    assert "at lambda 1.00: “fun” +1.00" in SpreadDemo(BEGINNINGS, lam=1.0).says


def test_without_values_even_the_worse_word_is_praised_though_less_than_the_better_one():
    demo = SpreadDemo(load_advantages().beginnings, lam=1.0)
    praise = re.compile(r"“funny” ([+−][.\d]+) ± .*“predictable” ([+−][.\d]+) ±")
    learned = [float(said.replace("−", "-")) for said in praise.search(demo.says).groups()]
    demo.controls["believed"].value = "expects 0 everywhere"
    without = [float(said.replace("−", "-")) for said in praise.search(demo.says).groups()]
    assert learned[0] > 0 > learned[1]
    assert without[0] > without[1] > 0
    assert without[0] - without[1] == pytest.approx(learned[0] - learned[1], abs=0.02)


def test_what_the_model_wrote_is_escaped():
    demo = AdvantageDemo([TEXT])
    for part in (demo.tokens, demo.table, demo.sentence):
        assert "<b>bad" not in part.value
        assert "&lt;b&gt;bad" in part.value


def stub(rewards, values, response_mask, *, gamma, lam):
    raise NotImplementedError


def forgets_rows(rewards, values, response_mask, *, gamma, lam):
    return rewards[0]


@pytest.mark.parametrize(("own", "words"), [(stub, "not written yet"), (forgets_rows, "Expected shape")])
def test_a_gae_of_ones_own(own, words):
    demo = AdvantageDemo([TEXT], own)
    assert words in demo.says
    assert demo.table.value == ""
    assert words in SpreadDemo(BEGINNINGS, own).says
    assert "not" not in AdvantageDemo([TEXT], lambda *given, gamma, lam: 0 * given[0]).says


def test_bias_and_spread():
    demo = SpreadDemo(BEGINNINGS)
    demo.controls["lam"].value = 1.0
    assert "“fun” +1.00 ± 0.00 and “dull” −1.00 ± 0.00" in demo.says
    assert "this order in 100%" in demo.says
    demo.controls["lam"].value = 0.0  # the rewards come later, and the values say nothing
    assert "“fun” +0.00" in demo.says
    assert "this order in 0%" in demo.says


def test_at_lambda_1_the_order_does_not_depend_on_the_values():
    demo = SpreadDemo(load_advantages().beginnings)
    said = set()
    for believed, lam in itertools.product(VALUE_FUNCTIONS, (0.0, 1.0)):
        demo.controls["believed"].value, demo.controls["lam"].value = believed, lam
        if lam == 1:
            said.add(demo.says.split("in this order in ")[1])
    assert len(said) == 1


def test_the_recording_holds_together():
    recording = load_advantages()
    for text in recording.texts:
        assert len(text.tokens) == len(text.rewards) == len(text.values)
        assert text.rewards[-1].item() == pytest.approx(text.score, abs=0.3)  # the last reward has a KL penalty too
    for beginning in recording.beginnings:
        assert (beginning.rewards[~beginning.mask] == 0).all()
        # both go on from the same text, so the value before the token is the same
        assert beginning.values[:, 0].unique().tolist() == recording.beginnings[0].values[:1, 0].tolist()
        # at lambda 1 the advantage is what came minus what was expected
        whole = gae(beginning.rewards, beginning.values, beginning.mask, lam=1.0)[:, 0]
        assert torch.allclose(whole, beginning.rewards.sum(1) - beginning.values[:, 0], atol=1e-4)


def test_a_damaged_recording_is_refused(tmp_path):
    with pytest.raises(CourseError, match="reading failed"):
        load_advantages(tmp_path / "advantages.json")
    (tmp_path / "advantages.json").write_text('{"texts": [{}]}')
    with pytest.raises(CourseError, match="KeyError"):
        load_advantages(tmp_path / "advantages.json")
