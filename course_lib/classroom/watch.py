"""What a cell does while it runs: `records = watch(fit(...), "loss")`, or `with saying("Sampling"): ...`."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import ipywidgets as widgets
from IPython.display import display

from course_lib.classroom.canvas import image_html, png
from course_lib.classroom.demo import Pictured
from course_lib.classroom.html import sentence_html
from course_lib.classroom.plots.training import Marks, measured, training_figure
from course_lib.classroom.words import number
from course_lib.training.record import Record

REDRAW_SECONDS = 0.2
DRAWING_SHARE = 0.3  # of the time at most


@contextmanager
def saying(words: str) -> Iterator[None]:
    """Say under the cell what it does for as long as it does, where that takes more than a few seconds."""
    said = display(
        {"text/plain": f"{words} ...", "text/html": sentence_html(f"{words} ...")}, raw=True, display_id=True
    )
    try:
        yield
    finally:
        if said:  # there is none outside a notebook
            said.update({"text/plain": "", "text/html": ""}, raw=True)


class LiveCurves(Pictured, widgets.HTML):
    """The named metrics of the records so far, as one picture."""

    def __init__(self, names: tuple[str, ...], marks: Marks):
        super().__init__()
        self.names, self.marks = names, marks
        # these words must not depend on the machine: what a notebook's test compares is the first display
        self.says = f"Curves over the training steps: {', '.join(name.replace('_', ' ') for name in names)}."

    def draw(self, records: list[Record]) -> None:
        """Draw the records anew."""
        self.png = png(training_figure(records, self.names, self.marks))
        self.value = image_html(self.png, describe(records, self.names))


def watch(records: Iterable[Record], *names: str, marks: Marks | None = None) -> list[Record]:
    """Take the records of a training loop one by one, drawing the named metrics, and return all of them.

    `marks` draws levels to compare with: {"loss": {"a coin": 0.69}}. The kernel's stop button ends it with the records
    that have come.
    """
    kept, handle, next_drawing = [], None, 0.0
    curves = LiveCurves(names, marks or {})
    try:
        for record in records:
            kept.append(record)
            started = time.perf_counter()
            if started < next_drawing:
                continue
            curves.draw(kept)
            handle = handle or display(curves, display_id=True)
            finished = time.perf_counter()
            next_drawing = finished + max(REDRAW_SECONDS, (finished - started) / DRAWING_SHARE)
    except KeyboardInterrupt:
        pass
    if handle:
        curves.draw(kept)
        handle.update(curves)
    return kept


def describe(records: list[Record], names: tuple[str, ...]) -> str:
    """Say in words where each metric began and where it is."""
    parts = []
    for name in names:
        _, values = measured(records, name)
        if len(values):
            parts.append(
                f"{name.replace('_', ' ')} from {number(values[0], '{:z.2f}')} to {number(values[-1], '{:z.2f}')}"
            )
    return f"After {len(records)} steps: {', '.join(parts) or 'nothing measured yet'}."
