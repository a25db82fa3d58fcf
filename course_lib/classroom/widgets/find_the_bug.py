"""Six recorded PPO runs, one of them healthy, five with a silent mistake each: which is which?"""

from collections.abc import Sequence
from dataclasses import dataclass

import ipywidgets as widgets

from course_lib.classroom.controls import NAME_AND_ALL
from course_lib.classroom.demo import Demo
from course_lib.classroom.html import sentence_html
from course_lib.classroom.plots.curves import metric
from course_lib.classroom.plots.panels import PANELS, Line, Panel
from course_lib.classroom.plots.run_curves import RunCurves
from course_lib.classroom.report.report_words import describe_panel
from course_lib.classroom.words import number
from course_lib.training.experiments.recordings import Recording, records_of
from course_lib.training.record import Record

SHOWN = ("score", "kl", "response_length", "clip_fraction", "explained_variance")
POLICY_LOSS = Panel("Policy loss", "minus the objective", (Line("policy_loss"),), "", zero="zero")
BUG_PANELS = (*(next(panel for panel in PANELS if panel.lines[0].metric == name) for name in SHOWN), POLICY_LOSS)
VIEWS = {"kl": (0.0, 15.0), "policy_loss": (-0.5, 0.5), "explained_variance": (-1.0, 1.0), "response_length": (0, 26)}
GREY = "grey: the other five runs"
BEHIND = {
    "A": "reward on the wrong token",
    "B": "kl sign",
    "C": "prompt not masked",
    "D": "healthy",
    "E": "logprobs shifted",
    "F": "advantages not whitened",
}


@dataclass(frozen=True)
class Sign:
    """How a mistake shows: its words for the menu, the metric that gives it away, what to say of another run."""

    words: str
    metric: str
    against: str


SIGNS = {
    "healthy": Sign("no mistake", "", ""),
    "kl sign": Sign(
        "sign of the KL penalty",
        "response_length",
        "a policy that is paid for leaving the reference writes on to the last token it may write, 24, while its KL "
        "leaves the picture; here the length ends at {last}",
    ),
    "prompt not masked": Sign(
        "prompt tokens not masked",
        "response_length",
        "all six runs began with the same texts, and with four tokens of the prompt counted as response their length "
        "would begin above 17; here it begins at {first}",
    ),
    "logprobs shifted": Sign(
        "log-probabilities shifted by one",
        "clip_fraction",
        "a ratio that compares two different tokens stays far from 1, so the clip would bind as often at the last step "
        "as at the first; here the clip fraction goes from {first} to {last}",
    ),
    "advantages not whitened": Sign(
        "advantages not whitened",
        "policy_loss",
        "whitened advantages average 0, which keeps the policy loss within a tenth of 0; without whitening it strays "
        "further; here it lies between {low} and {high}",
    ),
    "reward on the wrong token": Sign(
        "reward on the wrong token",
        "explained_variance",
        "with the score paid at the first token nothing comes after it that the values foresee, so the explained "
        "variance would stay below 0; here it goes from {first} to {last}",
    ),
}


class FindTheBug(Demo):
    """Look at one run in colour, the others in grey; name the mistake of each; Check says how far you are."""

    def __init__(self, recordings: Sequence[Recording]):
        runs = {recording.name: records_of(recording) for recording in recordings}
        self.runs = {label: runs[name] for label, name in BEHIND.items()}
        ghosts, steps = list(self.runs.values()), len(self.runs["A"])
        self.curves = RunCurves(BUG_PANELS, steps=steps, ghosts=ghosts, ghost_name=GREY, views=VIEWS, size=(9.2, 5.3))
        self.shown = widgets.ToggleButtons(options=list(BEHIND), style={"button_width": "3.5em"}, description="Run")
        options = [("choose its mistake", ""), *((sign.words, name) for name, sign in SIGNS.items())]
        look = {"style": NAME_AND_ALL, "layout": {"flex": "1 1 19em", "width": "auto", "min_width": "0"}}
        self.guesses = {label: widgets.Dropdown(options=options, description=label, **look) for label in BEHIND}
        self.check_button = widgets.Button(description="Check")
        self.verdict = widgets.HTML()
        super().__init__(self.curves.canvas, {"shown": self.shown})
        guesses = widgets.HBox(list(self.guesses.values()), layout={"flex_flow": "row wrap"})
        self.children = [self.shown, self.picture, guesses, self.check_button, self.verdict]
        self.check_button.on_click(self.check)

    def show(self, *, shown: str) -> str:
        """Draw the chosen run in colour, and say what its panels show."""
        records = self.runs[shown]
        self.curves.move(records)
        return f"Run {shown}. " + " ".join(describe_panel(records, panel) for panel in BUG_PANELS)

    def check(self, button=None) -> None:
        """Say how many matches are right, and for each wrong one which curve speaks against it."""
        given = {label: guess.value for label, guess in self.guesses.items() if guess.value}
        wrong = {label: guess for label, guess in given.items() if guess != BEHIND[label]}
        self.told = [f"{len(given) - len(wrong)} of {len(BEHIND)} are right."]
        self.told += [self.hint(label, guess) for label, guess in wrong.items()]
        self.verdict.value = "".join(sentence_html(line) for line in self.told)

    def hint(self, label: str, guess: str) -> str:
        """Say which curve of a run speaks against a wrong guess."""
        return f"Run {label}: {against(guess, self.runs[label], BEHIND[label])}"


def find_the_bug(recordings: Sequence[Recording]) -> FindTheBug:
    """Show the six recorded runs of the experiment `bugs`."""
    return FindTheBug(recordings)


def against(guess: str, records: Sequence[Record], truth: str) -> str:
    """Say which curve of a run speaks against a wrong guess, without saying what is right."""
    if guess == "healthy":
        return f"a sound run does not look like this; compare its {panel_of(SIGNS[truth].metric).title.lower()}."
    panel = panel_of(SIGNS[guess].metric)
    values = metric(records, SIGNS[guess].metric)
    seen = {"first": values[0], "last": values[-1], "low": values.min(), "high": values.max()}
    words = {name: number(value, panel.lines[0].number) for name, value in seen.items()}
    return f"not {SIGNS[guess].words}: {SIGNS[guess].against.format(**words)}."


def panel_of(name: str) -> Panel:
    """The panel that shows a metric."""
    return next(panel for panel in BUG_PANELS if panel.lines[0].metric == name)
