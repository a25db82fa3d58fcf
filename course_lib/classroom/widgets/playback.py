"""The cockpit without a kernel: recorded runs, one for each KL coefficient, played back step by step."""

from collections.abc import Mapping

import ipywidgets as widgets

from course_lib.classroom.controls import NAME_AND_ALL, choice, wide
from course_lib.classroom.demo import Demo
from course_lib.classroom.live_run import describe
from course_lib.classroom.plots.panels import panels_named
from course_lib.classroom.plots.run_curves import RunCurves
from course_lib.classroom.texts_table import TextsTable
from course_lib.classroom.widgets.cockpit import SHOWN
from course_lib.classroom.widgets.frontier import text_records
from course_lib.training.experiments.recordings import Recording, records_of
from course_lib.training.settings import RunSettings

SIZE = (9.2, 4.6)  # inches


class Playback(Demo):
    """Choose a KL coefficient and a step: the run as far as it had come, the other runs in grey, and its texts."""

    def __init__(self, runs: Mapping[float, Recording], *, kl_coef: float, step: int | None = None):
        self.runs = dict(sorted(runs.items()))
        self.records = {coefficient: records_of(run) for coefficient, run in self.runs.items()}
        self.steps = min(map(len, self.records.values()))
        self.curves = RunCurves(
            panels_named(SHOWN),
            steps=self.steps,
            ghosts=list(self.records.values()),
            ghost_name="grey: the runs with the other coefficients",
            size=SIZE,
        )
        self.texts = widgets.HTML()
        steps = widgets.IntSlider(self.steps if step is None else step, 0, self.steps, description="step")
        steps.style = NAME_AND_ALL
        options = {f"{coefficient:g}": coefficient for coefficient in self.runs}
        controls = {"kl_coef": choice("KL coefficient", options, kl_coef), "step": wide(steps)}
        super().__init__(self.curves.canvas, controls)
        self.children = [*self.children, self.texts]

    def show(self, *, kl_coef: float, step: int) -> str:
        """Draw one run as far as this step, and say how it stood."""
        records, run = self.records[kl_coef][:step], self.runs[kl_coef]
        self.curves.move(records)
        columns = {"Before": text_records(run, "before"), f"After step {self.steps}": text_records(run, "after")}
        self.texts.value = TextsTable(columns)._repr_html_()
        stands = describe(records, self.steps) or "Before the first step."
        return f"A recorded run with a KL coefficient of {kl_coef:g}. {stands}"


def playback(
    runs: Mapping[float, Recording], *, kl_coef: float = RunSettings().kl_coef, step: int | None = None
) -> Playback:
    """Play back runs by their KL coefficient, `recorded_runs()` say; first this one, at its end or at `step`."""
    return Playback(runs, kl_coef=kl_coef, step=step)
