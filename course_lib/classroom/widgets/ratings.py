"""Real sentences with every single rating, from those that all agree on to those that split people."""

from collections.abc import Sequence

import ipywidgets as widgets
import numpy as np

from course_lib.classroom.canvas import Canvas
from course_lib.classroom.controls import NAME_AND_ALL, wide
from course_lib.classroom.demo import Demo
from course_lib.classroom.plots.ratings import RatingsPicture, written
from course_lib.classroom.words import number
from course_lib.training.ratings import RatedSentence

SHOWN = 41
LONGEST = 120  # characters of a sentence, to fit the picture


class RatingsDemo(Demo):
    """One sentence at a time; the slider goes from agreement to disagreement."""

    def __init__(self, sentences: Sequence[RatedSentence], *, place: int = SHOWN // 2):
        short = [sentence for sentence in sentences if len(sentence.text) <= LONGEST]
        by_spread = sorted(short, key=lambda sentence: np.std(sentence.ratings))
        self.sentences = [by_spread[round(at)] for at in np.linspace(0, len(by_spread) - 1, SHOWN)]
        self.drawing = RatingsPicture()
        options = {"value": place, "max": SHOWN - 1, "readout": False, "style": NAME_AND_ALL}
        slider = wide(widgets.IntSlider(**options, description="all agree → people split"))
        super().__init__(Canvas(self.drawing.figure, self.drawing.moving), {"place": slider})

    def show(self, *, place: int) -> str:
        """Show the sentence at this place and say what people thought of it."""
        sentence = self.sentences[place]
        self.drawing.move(sentence)
        ratings = np.array(sentence.ratings)
        liked, disliked = int((ratings > 0).sum()), int((ratings < 0).sum())
        spread = " to ".join(written(rating) for rating in (min(sentence.ratings), max(sentence.ratings)))
        return (
            f"“{sentence.text}” Of {len(ratings)} people {liked} rated it positive and {disliked} negative, from "
            f"{spread}; the mean is {number(sentence.mean, '{:+z.1f}')}, the standard deviation {ratings.std():.1f}."
        )


def ratings_demo(sentences: Sequence[RatedSentence], *, place: int = SHOWN // 2) -> RatingsDemo:
    """Show rated sentences, `load_ratings(split="train")` say, with every rating, and first the one at `place`.

    Places go from 0, where all agree, to SHOWN - 1, where people split.
    """
    return RatingsDemo(sentences, place=place)
