"""Predictions that can be wrong: a question with a button for each option, and after the demo what came of it."""

from pathlib import Path

import ipywidgets as widgets
from IPython.display import Markdown

from course_lib.classroom.answers import ANSWERS, Answer, add_answer, read_answers
from course_lib.classroom.demo import Worded
from course_lib.classroom.html import render, sentence_html
from course_lib.classroom.predictions import Question, prediction
from course_lib.training.files.errors import CourseError

# how an answer to a quiz, and how a prediction, turned out: right or wrong
OUTCOMES = ("that is right", "that is not right"), ("it came true", "it did not come true")


class Predict(Worded, widgets.VBox):
    """Asks a question and keeps each choice in the file `path`; the first one counts. The answer it does not tell.

    A reader without a kernel, and a test, see the question and its options, whatever has been chosen.
    """

    def __init__(self, name: str, path: Path = ANSWERS):
        self.name, self.path = name, path
        self.question = prediction(name)
        self.says = self.question.markdown
        asked, style, self.sentence = widgets.Output(), widgets.HTML(render("option_style", {})), widgets.HTML()
        asked.append_display_data(Markdown(self.question.headed))
        self.buttons = {letter: self._button(letter) for letter in self.question.options}
        super().__init__([asked, *self.buttons.values(), style, self.sentence])
        self.refresh()

    def _button(self, letter: str) -> widgets.Button:
        button = widgets.Button(
            description=f"({letter}) {self.question.options[letter]}",
            layout={"width": "auto", "max_width": "46em", "height": "auto"},
        )
        button.add_class("course-option")
        button.on_click(lambda _: self.choose(letter))
        return button

    def choose(self, letter: str) -> None:
        """Keep a choice, unless it was the last one too."""
        try:
            kept = read_answers(self.name, self.path)
            if not kept or kept[-1].choice != letter:
                add_answer(self.name, letter, self.path)
        except CourseError as error:
            self.sentence.value = sentence_html(str(error))
        else:
            self.refresh()

    def refresh(self) -> None:
        """Show what the file holds."""
        try:
            kept = read_answers(self.name, self.path)
        except CourseError as error:
            kept, self.sentence.value = [], sentence_html(str(error))
        else:
            self.sentence.value = sentence_html(say_kept(kept))
        for letter, button in self.buttons.items():
            chosen = bool(kept) and letter == kept[-1].choice
            button.icon, button.button_style = ("check", "primary") if chosen else ("", "")

    def _repr_mimebundle_(self, **options) -> dict:
        return super()._repr_mimebundle_(**options) | {"text/markdown": self.says}


class Reveal(Worded, widgets.HTML):
    """Says what was chosen and whether it came true; a reader without a kernel learns what the cell is for."""

    says = "Once you have chosen, this cell says whether your prediction came true."


class Explained(Worded, widgets.VBox):
    """A verdict and, below it, the reason, where the notebook has no fold for that."""

    says = Reveal.says

    def __init__(self, verdict: Reveal, why: str):
        reason = widgets.Output()
        reason.append_display_data(Markdown(why))
        super().__init__([verdict, reason])


def predict(name: str) -> Predict:
    """Ask the prediction of this name. CourseError where there is none."""
    return Predict(name)


def reveal(name: str, path: Path = ANSWERS) -> Reveal | Explained:
    """Say what was chosen in answer to a prediction, and whether it came true. CourseError where there is none."""
    question = prediction(name)
    try:
        kept = read_answers(name, path)
    except CourseError as error:
        return Reveal(sentence_html(str(error)))
    verdict = Reveal(sentence_html(say_outcome(question, kept)))
    return Explained(verdict, question.why) if kept and question.why else verdict


def say_kept(kept: list[Answer]) -> str:
    """Say that a choice is kept, and what to do next."""
    if not kept:
        return "Choose before you run the next cell."
    first, last = kept[0], kept[-1]
    if first.choice == last.choice:
        return f"Kept: ({first.choice}), {first.clock}. Now run the next cell."
    counts = f"your first choice, ({first.choice}) of {first.clock}, counts"
    return f"Kept too: ({last.choice}); {counts}. Now run the next cell."


def say_outcome(question: Question, kept: list[Answer]) -> str:
    """Say whether the first choice came true, and what is right."""
    if not kept:
        return "You have not chosen yet: choose above, then run this cell again."
    first, right = kept[0], question.right
    true, false = OUTCOMES[question.begins == Question.begins]
    reason = "the reason is below" if question.why else "the reason is folded below"
    chose = f"On {first.clock} you chose ({first.choice}) “{question.options.get(first.choice, '')}”: "
    if first.choice == right:
        return f"{chose}{true}. {reason.capitalize()}."
    return f"{chose}{false}. Right is ({right}) “{question.options[right]}”; {reason}."
