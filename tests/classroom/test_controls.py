import pytest

from course_lib.classroom.controls import choice, slider
from course_lib.classroom.widgets.advantages import advantage_demo, spread_demo
from course_lib.classroom.widgets.bradley_terry import bradley_terry_demo
from course_lib.classroom.widgets.clip import clip_demo
from course_lib.classroom.widgets.groups import group_demo
from course_lib.classroom.widgets.label_noise import label_noise_demo
from course_lib.training.experiments.recordings import load_label_noise
from course_lib.training.files.errors import CourseError


def test_a_number_is_written_with_the_digits_of_a_step():
    assert slider("ratio", 1.0, least=0.0, most=2.0, step=0.05).readout_format == ".2f"
    assert slider("ratio", 1.0, least=0.0, most=2.0, step=0.5).readout_format == ".1f"


def test_a_choice_begins_with_the_first_or_with_the_one_that_is_asked_for():
    assert choice("pairs", {"few": 8, "many": 64}).value == 8
    assert choice("pairs", {"few": 8, "many": 64}, 64).value == 64
    with pytest.raises(CourseError, match="Expected one of few, many for 'pairs', but got 9"):
        choice("pairs", {"few": 8, "many": 64}, 9)


@pytest.mark.parametrize(
    ("make", "start", "words"),
    [
        (clip_demo, {"advantage": -1.0, "at": 0.5}, "Advantage −1.0, ratio 0.50: "),
        (advantage_demo, {"lam": 0.0, "gamma": 0.5}, "At gamma 0.50 and lambda 0.00"),
        (spread_demo, {"lam": 1.0}, "at lambda 1.00"),
        (bradley_terry_demo, {"chosen": 2.0, "rejected": 0.0}, "Rewards +2.0 and +0.0"),
        (group_demo, {"first": -2.0}, "A1 scores −2.0"),
        (lambda **start: label_noise_demo(load_label_noise(), **start), {"noise": 0.2}, "20% of their labels flipped"),
    ],
)
def test_a_demo_begins_in_the_state_that_is_asked_for(make, start, words):
    assert words not in make().says
    assert words in make(**start).says
