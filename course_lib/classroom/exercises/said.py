"""How a check's verdict looks: its colour and its sign tell at a glance how it went."""

from course_lib.classroom.html import render
from course_lib.classroom.style import NEGATIVE, REFERENCE, REWARD_MODEL

SIGNS = {  # by how the verdict begins: sign and colour
    "Passed": ("✓", REWARD_MODEL),
    "Not yet": ("✗", NEGATIVE),
    "Not attempted yet": ("…", REFERENCE),
}


class Said:
    """A verdict, shown as HTML or as plain lines; it begins with one of SIGNS and a colon."""

    def __init__(self, verdict: str):
        self.verdict = verdict

    def __repr__(self) -> str:
        """The same as lines of text."""
        return self.verdict

    def _repr_html_(self) -> str:
        says, *more = self.verdict.splitlines()
        kind, _, words = says.partition(": ")
        sign, colour = SIGNS[kind]
        rows = "\n".join(line.removeprefix("  ") for line in more if line.startswith("  "))
        sentences = [line for line in more if not line.startswith("  ")]
        values = {"kind": kind, "words": words, "rows": rows, "sentences": sentences, "sign": sign, "colour": colour}
        return render("verdict", values)
