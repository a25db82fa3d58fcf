"""A colour for each method, the same in every picture of the relatives; none of them means anything else."""

from course_lib.classroom.style import POLICY

COLOURS = {
    "PPO": POLICY,
    "REINFORCE": "#56B4E9",  # sky blue
    "RLOO": "#5B3E96",  # violet
    "GRPO": "#A08BE0",  # light violet: like RLOO it compares within a group
    "Dr. GRPO": "#7B2D8B",  # plum
    "DPO": "#0B2545",  # navy
    "best of n": "#4A5058",  # dark grey: nothing is trained
}
