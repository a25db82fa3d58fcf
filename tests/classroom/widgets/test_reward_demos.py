import numpy as np
import pytest
import torch

from course_lib.classroom.plots.bradley_terry import GAPS
from course_lib.classroom.plots.ratings import disagreement, disagreement_figure
from course_lib.classroom.plots.scorers import SHOWN, scorers_figure
from course_lib.classroom.widgets.bradley_terry import bradley_terry_demo
from course_lib.classroom.widgets.label_noise import label_noise_demo
from course_lib.classroom.widgets.ratings import ratings_demo
from course_lib.training.experiments.recordings import LabelNoise
from course_lib.training.experiments.scorers import load_scorers
from course_lib.training.ratings import RatedSentence


def corners(control):
    if hasattr(control, "options"):
        return [value for _, value in control.options]
    return [control.min, control.max]


def test_bradley_terry_at_every_corner():
    demo = bradley_terry_demo(gaps=[1.0, -20.0])
    pictures = set()
    for chosen in corners(demo.controls["chosen"]):
        for rejected in corners(demo.controls["rejected"]):
            for shift in corners(demo.controls["shift"]):
                for name, value in {"chosen": chosen, "rejected": rejected, "shift": shift}.items():
                    demo.controls[name].value = value
                assert "probability" in demo.says
                pictures.add(demo.png)
    assert len(pictures) == 8


def test_a_gap_of_two_wins_with_probability_088():
    demo = bradley_terry_demo()
    demo.controls["chosen"].value, demo.controls["rejected"].value = 2.0, 0.0
    assert "a gap of +2.0" in demo.says
    assert "probability 0.88" in demo.says
    assert "loss is 0.13" in demo.says


def test_adding_to_both_moves_the_rewards_and_not_the_point():
    demo = bradley_terry_demo()
    points = [tuple(demo.drawing.probability.point.get_xydata()[0])]
    rewards = [demo.drawing.rewards.chosen.get_xdata()[0]]
    demo.controls["shift"].value = 2.0
    points.append(tuple(demo.drawing.probability.point.get_xydata()[0]))
    rewards.append(demo.drawing.rewards.chosen.get_xdata()[0])
    assert points[1] == pytest.approx(points[0])
    assert rewards[1] - rewards[0] == pytest.approx(2.0)


def test_own_pairs_lie_on_the_curve():
    demo = bradley_terry_demo(gaps=[0.0, 3.0, -1.0])
    assert "On 1 of your 3 pairs" in demo.says
    x, y = demo.drawing.probability.marks.get_data()
    assert y == pytest.approx(np.interp(x, GAPS, demo.drawing.probability.curve.get_ydata()), abs=1e-3)
    assert y[0] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("probability", "says"),
    [
        (lambda chosen, rejected: 1 / 0, "ZeroDivisionError"),
        (lambda chosen, rejected: torch.tensor(0.5), "shape"),
        (lambda chosen, rejected: 0.5, "float"),
        (lambda chosen, rejected: (chosen - rejected) / 0, "finite"),
        (lambda chosen, rejected: chosen - rejected, "below 0 or above 1"),
    ],
)
def test_a_students_own_function_that_fails_becomes_a_sentence(probability, says):
    demo = bradley_terry_demo(preference_probability=probability)
    assert says in demo.says
    assert len(demo.drawing.probability.curve.get_xdata()) == 0


def test_a_students_own_function_is_what_is_drawn():
    demo = bradley_terry_demo(preference_probability=lambda chosen, rejected: torch.sigmoid(rejected - chosen))
    heights = demo.drawing.probability.curve.get_ydata()
    assert heights[0] > 0.99
    assert heights[-1] < 0.01


SENTENCES = [
    RatedSentence(0, "All the same.", (1,) * 15, "train"),
    RatedSentence(1, "Costs $5 & <i>splits</i> them.", (-4,) * 7 + (4,) * 8, "train"),
    RatedSentence(2, "Nearly so.", (-1, -1, -2, -2, -3, 0), "train"),
]


def test_ratings_go_from_agreement_to_disagreement():
    demo = ratings_demo(SENTENCES)
    said = []
    for place in (demo.controls["place"].min, demo.controls["place"].max):
        demo.controls["place"].value = place
        said.append(demo.says)
    assert said[0].startswith("“All the same.” Of 15 people 15 rated it positive and 0 negative")
    assert "from −4 to +4; the mean is +0.3, the standard deviation 4.0" in said[1]
    assert len(demo.drawing.dots.get_xdata()) == 15
    assert "&lt;i&gt;" in demo.sentence.value


def test_people_who_agree_never_disagree_and_taste_is_a_coin():
    clear = [RatedSentence(i, "", (rating,) * 15, "train") for i, rating in enumerate((-2, 2))]
    assert disagreement(clear, pairs=2000)[-1] == 0.0
    taste = [RatedSentence(i, "", (-1, 1) * 8, "train") for i in range(2)]
    assert disagreement(taste, pairs=20_000)[0] == pytest.approx(0.5, abs=0.02)


def test_the_shares_stand_over_the_bars():
    texts = [text.get_text() for text in disagreement_figure(SENTENCES).axes[0].texts]
    assert "two coins" in texts


NOISE = LabelNoise(
    pairs=np.array([32.0, 1024.0]),
    one_person={0.0: np.array([[0.5, 0.7], [0.6, 0.72]]), 0.2: np.array([[0.5, 0.6], [0.52, 0.64]])},
    everybody=np.array([[0.55, 0.75], [0.56, 0.76]]),
)


def test_label_noise_at_every_corner():
    demo = label_noise_demo(NOISE)
    said = {}
    for pairs in corners(demo.controls["pairs"]):
        for noise in corners(demo.controls["noise"]):
            demo.controls["pairs"].value, demo.controls["noise"].value = pairs, noise
            said[pairs, noise] = demo.says
    assert "55% of test pairs" in said[32, 0.0]
    assert "20% of their labels flipped" in said[1024, 0.2]
    assert "62% of test pairs" in said[1024, 0.2]
    assert "from 60% to 64%" in said[1024, 0.2]


def test_the_scorers_are_those_of_the_file():
    scorers = load_scorers()
    assert scorers["length"] == 0.4976
    ax = scorers_figure(scorers).axes[0]
    assert next(tick.get_text() for tick in ax.get_yticklabels()) == SHOWN["length"][0]
    assert "0.83" in [text.get_text() for text in ax.texts]
