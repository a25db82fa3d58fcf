"""Be the annotator: two sentences for one prompt, a choice by button or arrow key, and what the choices teach."""

from collections.abc import Callable, Sequence
from pathlib import Path

import ipywidgets as widgets

from course_lib.classroom.canvas import image_html, png
from course_lib.classroom.choices import Choice, ChoiceFile, TextPair, chosen_gaps, decided
from course_lib.classroom.controls import Row, choice
from course_lib.classroom.demo import Pictured
from course_lib.classroom.html import render, sentence_html
from course_lib.classroom.own_model import Verdict, judge_choices
from course_lib.classroom.plots.own_model import pair_figure, verdict_figure
from course_lib.training.files.errors import CourseError
from course_lib.training.reward_model import crowd_model

ENOUGH = 5  # pairs told apart, to train on
NOT_KEPT = "Until then your choices count, but are not kept."
ARROWS = {"← left": "left", "← or →": "", "right →": "right"}


class Annotator(Pictured, widgets.VBox):
    """Shows pairs one after the other and keeps the choices in the file `path`, from which it goes on next time.

    With `choose`, a function that answers to a pair "left", "right" or "neither", nobody is asked and no file is
    written. `says` is what a reader without a kernel is told.
    """

    def __init__(
        self,
        pairs: Sequence[TextPair],
        path: str | Path = "my_choices.jsonl",
        *,
        choose: Callable[[TextPair], str] | None = None,
    ):
        self.pairs = list(pairs)
        self.file = ChoiceFile(Path(path))
        self.choices: list[Choice] = []
        self.problem, self.told = "", ""
        self._build()
        self._forget()
        if choose:
            self.choices = [Choice(pair, choose(pair)) for pair in self.pairs]
            self.train()
        else:
            self._read()
        self._refresh()

    def _build(self) -> None:
        self.cards, self.progress, self.picture, self.sentence = (widgets.HTML() for _ in range(4))
        # The slider is what takes arrow keys in a notebook; it springs back to the middle after each choice.
        self.arrows = choice("Arrow keys: click the handle, then", ARROWS, "")
        self.buttons = {
            "left": widgets.Button(description="I like the left one"),
            "neither": widgets.Button(description="Can't tell"),
            "right": widgets.Button(description="I like the right one"),
            "undo": widgets.Button(description="Undo"),
            "train": widgets.Button(description="Train on my choices", button_style="primary"),
        }
        for answer in ("left", "neither", "right"):
            self.buttons[answer].on_click(lambda _, answer=answer: self.answer(answer))
        self.buttons["undo"].on_click(lambda _: self.undo())
        self.buttons["train"].on_click(lambda _: self.train())
        self.arrows.observe(self._key, names="value")
        for button in self.buttons.values():
            button.layout.width = "auto"
        rows = widgets.Layout(flex_flow="row wrap")
        asked = widgets.HBox([self.buttons[name] for name in ("left", "neither", "right")], layout=rows)
        done = widgets.HBox([self.buttons["undo"], self.buttons["train"], self.progress], layout=rows)
        super().__init__([self.cards, asked, Row([self.arrows]), done, self.picture, self.sentence])

    def _read(self) -> None:
        """Take up the choices of the file that were made between these pairs; what is damaged is told and left."""
        try:
            held, damaged = self.file.read()
        except CourseError as error:
            self.problem = f"{error} {NOT_KEPT}"
            return
        self.choices = [choice for choice in held if choice.pair in self.pairs]
        if damaged:
            lines = f"line {damaged[0]}" if len(damaged) == 1 else f"the lines {', '.join(map(str, damaged))}"
            self.told = f"Expected a choice in {lines} of {self.file.path}, but none is there; the others are taken up."

    @property
    def pair(self) -> TextPair | None:
        """The first pair without an answer."""
        answered = {choice.pair for choice in self.choices}
        return next((pair for pair in self.pairs if pair not in answered), None)

    def answer(self, answer: str) -> None:
        """Keep the answer "left", "right" or "neither" to the pair that is shown."""
        if self.pair is not None:
            choice = Choice(self.pair, answer)
            self._write(lambda: self.file.add(choice))
            self.choices.append(choice)
            self._forget()
            self._refresh()

    def undo(self) -> None:
        """Take the last answer back."""
        if self.choices:
            choice = self.choices.pop()
            self._write(lambda: self.file.undo(choice.pair))
            self._forget()
            self._refresh()

    def _forget(self) -> None:
        """Show no verdict: that on other choices is none on these."""
        self.verdict, self.picture.value, self.sentence.value = None, "", ""
        # the same for every student, whatever has been chosen, as a notebook's test compares it
        first = self.pairs[0]
        self.png = png(pair_figure(first.prompt, first.left, first.right))
        self.says = f"Two sentences for the same prompt, {len(self.pairs)} times: which of the two do you like better?"

    def _write(self, write: Callable[[], None]) -> None:
        """Write to the file, unless it could not be read or written before."""
        if self.problem:
            return
        try:
            write()
        except OSError as error:
            failed = f"Expected to write to {self.file.path}, but that failed ({error.strerror}); make it writable."
            self.problem = f"{failed} {NOT_KEPT}"

    def _key(self, change) -> None:
        if change["new"]:
            self.arrows.value = ""
            self.answer(change["new"])

    def train(self) -> None:
        """Train on the choices and show what came of it."""
        if len(decided(self.choices)) < ENOUGH:
            return
        self.sentence.value = sentence_html("Training ...")
        self.verdict = judge_choices(self.choices)
        self.png = png(verdict_figure(self.verdict))
        self.says = say_verdict(self.verdict)
        self.picture.value = image_html(self.png, self.says)
        self.sentence.value = sentence_html(self.says)

    def gaps(self) -> list[float]:
        """How much higher the crowd's reward model scores what was chosen than what was not, pair by pair."""
        return chosen_gaps(crowd_model(), self.choices).tolist() if decided(self.choices) else []

    def _refresh(self) -> None:
        pair, told = self.pair, len(decided(self.choices))
        waiting = pair is not None
        for control in (self.arrows, *(self.buttons[name] for name in ("left", "neither", "right"))):
            control.disabled = not waiting
        self.buttons["undo"].disabled = not self.choices
        self.buttons["train"].disabled = told < ENOUGH
        self.cards.value = show_pair(pair) if pair else sentence_html("Every pair has its answer: thank you.")
        self.progress.value = f"\u00a0 {len(self.choices)} of {len(self.pairs)} pairs answered" + (
            "" if told >= ENOUGH else f"; {ENOUGH - told} more to train on"
        )
        if self.problem or self.told:
            self.sentence.value = sentence_html(self.problem or self.told)


def show_pair(pair: TextPair) -> str:
    """The two texts beside each other as HTML, escaped, the prompt in bold."""
    return render("pair", {"pair": pair})


def say_verdict(verdict: Verdict) -> str:
    """Say in words what came of the choices."""
    alone, moved = verdict.alone, verdict.on_crowd
    return (
        f"On {verdict.agreed} of {verdict.pairs} pairs the crowd's reward model prefers the same text "
        f"({verdict.agreement.low:.0%} to {verdict.agreement.high:.0%} in the long run). On held-out ratings, a model "
        f"that learned from these choices alone reaches a pair accuracy of {alone.value:.2f} ({alone.low:.2f} to "
        f"{alone.high:.2f}; a coin .50); moved by these choices, the crowd's model reaches "
        f"{moved.value:.2f}, and {verdict.crowd:.2f} without them."
    )
