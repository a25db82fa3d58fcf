"""Figures in a notebook, each with the words that say what it shows."""

import base64
import io

from IPython.display import display
from matplotlib.figure import Figure

from course_lib.classroom.style import styled


def show(figure: Figure, alt: str) -> None:
    """Display a figure as a picture, with `alt`, one sentence, for those who do not see it."""
    with styled():
        picture = base64.b64encode(png(figure)).decode()
    display({"image/png": picture, "text/plain": alt}, raw=True, metadata={"image/png": {"alt": alt}})


def png(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG file, the same bytes for the same figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi="figure", metadata={"Software": None})
    return buffer.getvalue()
