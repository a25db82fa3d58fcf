"""What the KL coefficient buys: the frontier of score against KL, and the texts at each of its points."""

from collections.abc import Sequence

import ipywidgets as widgets
from matplotlib.figure import Figure

from course_lib.classroom.canvas import Canvas
from course_lib.classroom.controls import choice
from course_lib.classroom.demo import Demo
from course_lib.classroom.plots.labels import give_way
from course_lib.classroom.plots.recordings import draw_against_kl
from course_lib.classroom.style import INK, JUDGE, POLICY, REWARD_MODEL, styled
from course_lib.classroom.texts_table import TextsTable
from course_lib.classroom.words import number
from course_lib.training.experiments.frontier import Frontier
from course_lib.training.experiments.recordings import Recording

FIGURES = {
    "score": ("Score", "standard deviations", REWARD_MODEL),
    "judge": ("Independent judge", "VADER, −1 to 1", JUDGE),
    "distinct_2": ("Variety", "share of word pairs that differ", POLICY),
}


class FrontierDemo(Demo):
    """Choose a KL coefficient: a ring marks where its run ended, and the table has texts of that run."""

    def __init__(self, recordings: Sequence[Recording], frontier: Frontier, *, kl_coef: float | None = None):
        first_seed = min(recording.seed for recording in recordings)
        runs = {recording.changes["kl_coef"]: recording for recording in recordings if recording.seed == first_seed}
        self.runs = {coefficient: runs[coefficient] for coefficient in sorted(runs)}
        self.texts = widgets.HTML()
        with styled():
            figure = Figure(figsize=(10, 3.2))
            axes, labels = figure.subplots(1, 3), []
            for ax, (name, (title, unit, colour)) in zip(axes, FIGURES.items(), strict=True):
                over = frontier if name == "score" else None
                names = draw_against_kl(ax, recordings, metric=name, colour=colour, frontier=over)
                ax.set_title(title, pad=26)
                ax.annotate(unit, (0, 1), xycoords="axes fraction", xytext=(0, 8), textcoords="offset points", size=12)
                ax.set_xlabel("KL (nats per response)")
                labels.append(names)
            for names in labels:
                give_way(names)
            ring = {"markersize": 18, "markerfacecolor": "none", "markeredgecolor": INK, "markeredgewidth": 2.2}
            self.rings = [ax.plot([], [], "o", **ring)[0] for ax in axes]
            canvas = Canvas(figure, self.rings)
        middle = list(self.runs)[len(self.runs) // 2] if kl_coef is None else kl_coef
        options = {f"{coefficient:g}": coefficient for coefficient in self.runs}
        super().__init__(canvas, {"kl_coef": choice("KL coefficient", options, middle)})
        self.children = [*self.children, self.texts]

    def show(self, *, kl_coef: float) -> str:
        """Move the rings to the end of the run with this coefficient, and show its texts."""
        run = self.runs[kl_coef]
        for ring, name in zip(self.rings, FIGURES, strict=True):
            ring.set_data([run.after["kl"]], [run.after[name]])
        columns = {"Before": text_records(run, "before"), "After PPO": text_records(run, "after")}
        self.texts.value = TextsTable(columns)._repr_html_()
        end = run.after
        return (
            f"At a KL coefficient of {kl_coef:g} training ended {number(end['kl'], '{:.1f}')} nats from the reference, "
            f"with a score of {number(end['score'])} standard deviations, {number(end['judge'])} from the independent "
            f"judge, and {number(end['distinct_2'], '{:.0%}')} of all word pairs different ones."
        )


def frontier_demo(recordings: Sequence[Recording], *, frontier: Frontier, kl_coef: float | None = None) -> FrontierDemo:
    """Show the runs of the experiment `kl_coef`, and over their scores the most that their nats could have bought.

    First at this coefficient, by default in the middle.
    """
    return FrontierDemo(recordings, frontier, kl_coef=kl_coef)


def text_records(recording: Recording, when: str) -> list[dict]:
    """The recorded texts before or after training, in the form that a TextsTable takes."""
    return [
        {
            "prompt": sample["prompt"],
            "text": sample[when],
            "score": sample[f"score_{when}"],
            "judge": sample[f"judge_{when}"],
        }
        for sample in recording.samples
    ]
