from course_lib.classroom import style
from course_lib.classroom.plots.methods import COLOURS

MEANINGS = ("POLICY", "REFERENCE", "PEOPLE", "GOLD", "REWARD_MODEL", "JUDGE", "POSITIVE", "NEGATIVE")


def test_a_colour_means_one_thing():
    of = {name: getattr(style, name) for name in MEANINGS} | {name: COLOURS[name] for name in COLOURS if name != "PPO"}
    assert len(set(of.values())) == len(of)
