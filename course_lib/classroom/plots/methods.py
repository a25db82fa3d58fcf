"""A colour for each method, the same in every picture of the relatives."""

from course_lib.classroom.style import NEGATIVE, PEOPLE, POLICY

COLOURS = {
    "PPO": POLICY,
    "REINFORCE": "#56B4E9",  # sky blue
    "RLOO": "#5B3E96",  # violet
    "GRPO": NEGATIVE,
    "DPO": PEOPLE,  # it learns from what people preferred
    "best of n": "#4A5058",  # dark grey: nothing is trained
}
