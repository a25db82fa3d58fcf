"""Figures in a notebook, each with the words that say what it shows."""

import base64

from IPython.display import display
from matplotlib.figure import Figure

from course_lib.classroom.canvas import png
from course_lib.classroom.style import styled


def show(figure: Figure, alt: str) -> None:
    """Display a figure as a picture, with `alt`, one sentence, for those who do not see it."""
    with styled():
        picture = base64.b64encode(png(figure)).decode()
    display({"image/png": picture, "text/plain": alt}, raw=True, metadata={"image/png": {"alt": alt}})
