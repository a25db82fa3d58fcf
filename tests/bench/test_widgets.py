import importlib
import json
import pkgutil

import ipywidgets
import pytest
from shared.pictures import badly_set, noting

from course_lib.__main__ import main
from course_lib.bench import widgets as bench
from course_lib.bench.widgets import WIDGETS, controls_of, describe_updates, measure_updates, stops, update_times
from course_lib.classroom import widgets
from course_lib.classroom.demo import Demo


class Recorder(ipywidgets.VBox):
    """A widget that notes what it is asked to show; its check box changes no picture."""

    def __init__(self):
        self.sliders = [
            ipywidgets.FloatSlider(value=0.5, max=1),
            ipywidgets.SelectionSlider(options=[("few", 10), ("many", 20)]),
        ]
        self.box = ipywidgets.Checkbox(value=False)
        super().__init__([ipywidgets.VBox(self.sliders), self.box])
        self.seen, self.png = [], b"first"
        for slider in self.sliders:
            slider.observe(self.refresh, names="value")

    def refresh(self, change):
        self.seen.append(change["new"])
        self.png = bytes(len(self.seen))


def test_a_sweep_visits_both_ends_of_every_control_and_comes_back():
    widget = Recorder()
    times = update_times(widget)
    assert len(times) == len(widget.seen)  # the check box redraws nothing, so it is not counted
    assert {0.0, 1.0, 10, 20} <= set(widget.seen)
    assert [control.value for control in controls_of(widget)] == [0.5, 10, False]
    assert all(time > 0 for time in times)


def test_an_integer_slider_stops_at_integers():
    assert stops(ipywidgets.IntSlider(min=0, max=14)) == list(range(15))
    assert stops(ipywidgets.HTML()) == []


def test_the_figures_are_median_and_90th_percentile(monkeypatch):
    monkeypatch.setattr(bench, "update_times", lambda widget: [float(number) for number in range(1, 102)])
    assert measure_updates({"a_demo": Recorder}) == {"a_demo": {"updates": 101, "median_ms": 51.0, "p90_ms": 91.0}}


def test_the_table_marks_what_is_too_slow():
    figures = {name: {"updates": 9, "median_ms": ms, "p90_ms": 2 * ms} for name, ms in (("a", 20.0), ("b", 40.0))}
    _, fast, slow = describe_updates(figures).splitlines()
    assert "20.0 ms" in fast
    assert "over" not in fast
    assert slow.endswith("over 33 ms")


def test_the_command_prints_json_for_machines(monkeypatch, capsys):
    monkeypatch.setattr(bench, "WIDGETS", {"a_demo": Recorder})
    assert main(["bench", "--only", "widgets", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["widgets"]["a_demo"]["updates"] > 2
    assert set(printed["machine"]) == {"python", "machine", "system"}


@pytest.mark.parametrize("name", WIDGETS)
def test_each_widget_can_be_made_and_has_controls(name):
    widget = WIDGETS[name]()
    assert list(controls_of(widget))
    assert widget.png


def test_every_demo_of_the_course_is_measured():
    for module in pkgutil.iter_modules(widgets.__path__):
        importlib.import_module(f"{widgets.__name__}.{module.name}")
    demos = {demo for demo in Demo.__subclasses__() if demo.__module__.startswith("course_lib")}
    assert demos <= {type(make()) for make in WIDGETS.values()}


@pytest.mark.parametrize("name", WIDGETS)
def test_words_of_a_widget_lie_neither_over_each_other_nor_over_the_edge(name):
    widget = WIDGETS[name]()
    for control in controls_of(widget):
        start, places = control.value, stops(control)
        for stop in {places[0], places[len(places) // 3], places[2 * len(places) // 3], places[-1]}:
            control.value = stop
            with noting() as words:
                widget.canvas.redraw()
                widget.canvas.png()
            assert badly_set(words, widget.canvas.canvas.figure) == set(), (control.description, stop)
        control.value = start
