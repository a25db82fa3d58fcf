"""Sliders with their names, beside each other as long as the window has room for them."""

from collections.abc import Iterable, Mapping

import ipywidgets as widgets

from course_lib.classroom.html import render
from course_lib.training.files.errors import CourseError

WIDTH = "18em"  # of a slider with its name and number, at least where there is room
NAME_AND_ALL = {"description_width": "initial"}


def slider(name: str, value: float, *, least: float, most: float, step: float = 0.1) -> widgets.FloatSlider:
    """A slider over numbers, written with the digits that a step has."""
    digits = ".1f" if step >= 0.1 else ".2f"
    options = {"value": value, "min": least, "max": most, "step": step, "readout_format": digits}
    return wide(widgets.FloatSlider(**options, description=name, style=NAME_AND_ALL))


def choice(name: str, options: Mapping[str, object], value: object = None) -> widgets.SelectionSlider:
    """A slider over things with names, at the first of them or at `value`.

    In JupyterLab the keyboard moves it, as it does not move a dropdown. CourseError where no option has the value.
    """
    chosen = next(iter(options.values())) if value is None else value
    if chosen not in options.values():
        raise CourseError(f"Expected one of {', '.join(options)} for {name!r}, but got {value!r}; choose one of them.")
    return wide(
        widgets.SelectionSlider(options=list(options.items()), value=chosen, description=name, style=NAME_AND_ALL)
    )


def wide(control: widgets.Widget) -> widgets.Widget:
    """Let a control take the room that there is."""
    control.layout = widgets.Layout(flex=f"1 1 {WIDTH}", width="auto", min_width="0", max_width="34em")
    control.add_class("course-slider")
    return control


class Row(widgets.HBox):
    """Controls beside each other, as many as the window has room for."""

    def __init__(self, controls: Iterable[widgets.Widget]):
        style = widgets.HTML(render("controls", {}), layout={"display": "none"})
        super().__init__([*controls, style], layout={"flex_flow": "row wrap", "grid_gap": "0 1em"})
