"""How much a class reads on the slides of a notebook, and how long what is said takes."""

import re
from dataclasses import dataclass

from nbformat import NotebookNode

from course_lib.publish.exporter import alt
from course_lib.publish.markdown import to_html
from course_lib.publish.plan import SPOKEN, Slide
from course_lib.publish.roles import predictions

WORDS_A_MINUTE = 130
NO_WORDS = re.compile(r"<math.*?</math>|<[^>]*>", re.DOTALL)


@dataclass(frozen=True)
class Amount:
    """The slides of a notebook, the words on them (code and formulas apart), those to say, and the minutes planned."""

    slides: int
    shown: int
    said: int
    planned: int

    def __str__(self) -> str:
        """One sentence for who presents them."""
        takes = f"{self.said / WORDS_A_MINUTE:.1f} minutes at {WORDS_A_MINUTE} words a minute"
        of = f", {self.planned} are planned" if self.planned else ""
        return f"{self.slides} slides with {self.shown:,} words; the notes have {self.said:,} to say, {takes}{of}"


def amount(notebook: NotebookNode, sections: list[list[Slide]]) -> Amount:
    """Count the slides and words of a notebook."""
    slides, asked = [slide for section in sections for slide in section], predictions(notebook)
    shown = sum(words(text) for slide in slides for cell in slide.cells for text in texts(cell, asked))
    said = sum(words(to_html(note)) for slide in slides for word, note in slide.notes if word in SPOKEN)
    return Amount(len(slides), shown, said, slides[-1].ends // 60)


def texts(cell: NotebookNode, asked: dict) -> list[str]:
    """What can be read of a cell beside its code."""
    if cell.cell_type == "markdown":
        return [to_html(cell.source)]
    if cell.id in asked:
        return [to_html(asked[cell.id].asked), *asked[cell.id].options.values()]
    return [output.get("text") or alt(output) for output in cell.outputs]


def words(html: str) -> int:
    """How many words some HTML has."""
    return len(re.findall(r"\w\S*", NO_WORDS.sub(" ", html)))
