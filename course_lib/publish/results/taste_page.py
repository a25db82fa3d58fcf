"""What the page of a class says of its taste."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup
from matplotlib.figure import Figure

from course_lib.classroom.canvas import image_html, png
from course_lib.classroom.own_model import Estimate
from course_lib.classroom.plots.own_model import draw_shares
from course_lib.classroom.style import PEOPLE, REWARD_MODEL, styled
from course_lib.publish.results.taste import Taste
from course_lib.publish.results.taste_run import Written


@dataclass(frozen=True)
class TastePart:
    """A part of the page: the shares drawn, the pairs to talk about, and the texts, if PPO was run."""

    sentence: str
    picture: str = ""
    pairs: list[tuple] = field(default_factory=list)
    written: Sequence[Written] = ()


def taste_part(taste: Taste, written: Sequence[Written] = ()) -> TastePart:
    """Say and draw a taste."""
    says = say_taste(taste)
    pairs = [("The class is most of two minds about", *taste.divided)]
    if taste.against:
        pairs.append(("It is most against the crowd in", *taste.against))
    return TastePart(says, Markup(image_html(png(taste_figure(taste)), says)), pairs, written)


def say_taste(taste: Taste) -> str:
    """A taste in a sentence."""
    return (
        f"Two of the {taste.students} students who both decide a pair decide alike in {said(taste.among)} of the "
        f"cases, one of them and the crowd's reward model in {said(taste.with_crowd)}."
    )


def said(share: Estimate) -> str:
    """A share with its interval."""
    return f"{share.value:.0%} ({share.low:.0%} to {share.high:.0%})"


def taste_figure(taste: Taste) -> Figure:
    """Draw both shares beside a coin's."""
    with styled():
        figure = Figure(figsize=(9, 2.8))
        rows = (
            ("two students\nof the class", taste.among, PEOPLE, "o"),
            ("a student and\nthe crowd's model", taste.with_crowd, REWARD_MODEL, "o"),
        )
        draw_shares(figure.subplots(), rows)
    return figure
