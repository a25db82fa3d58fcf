"""Label noise and number of pairs, as sliders over recorded reward models."""

from matplotlib.figure import Figure

from course_lib.classroom.canvas import Canvas
from course_lib.classroom.controls import choice
from course_lib.classroom.demo import Demo
from course_lib.classroom.plots.recordings import draw_label_noise, move_label_noise
from course_lib.classroom.style import styled
from course_lib.training.experiments.recordings import LabelNoise
from course_lib.training.experiments.scorers import load_scorers


class LabelNoiseDemo(Demo):
    """Accuracy against the number of pairs; the share of flipped labels and the number of pairs are sliders."""

    def __init__(self, data: LabelNoise, *, pairs: int | None = None, noise: float = 0.0):
        self.data = data
        with styled():
            figure = Figure(figsize=(9.6, 5))
            self.moving = draw_label_noise(figure.subplots(), data, load_scorers(), pairs=int(data.pairs[0]))
        flips = {f"{share:.0%}": share for share in data.one_person}
        counts = {f"{count:,.0f}": int(count) for count in data.pairs}
        controls = {"pairs": choice("pairs", counts, pairs), "noise": choice("labels flipped", flips, noise)}
        super().__init__(Canvas(figure, self.moving), controls)

    def show(self, *, noise: float, pairs: int) -> str:
        """Mark the recorded accuracy and say it."""
        accuracy = move_label_noise(self.moving, self.data, noise=noise, pairs=pairs)
        seeds, place = self.data.one_person[noise], self.data.pairs.tolist().index(pairs)
        lowest, highest = seeds[:, place].min(), seeds[:, place].max()
        labels = "the labels as single ratings give them" if noise == 0 else f"{noise:.0%} of their labels flipped"
        return (
            f"{pairs:,} pairs, {labels}: the reward model puts {accuracy:.0%} of test pairs in the right "
            f"order (mean of {len(seeds)} seeds, from {lowest:.0%} to {highest:.0%})."
        )


def label_noise_demo(data: LabelNoise, *, pairs: int | None = None, noise: float = 0.0) -> LabelNoiseDemo:
    """Show the recorded runs, `load_label_noise()`, first at this number of pairs and share of flipped labels."""
    return LabelNoiseDemo(data, pairs=pairs, noise=noise)
