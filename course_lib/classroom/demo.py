"""What every widget of the course is made of: controls, a picture that follows them, and a sentence that says it."""

import base64
from collections.abc import Mapping

import ipywidgets as widgets

from course_lib.classroom.canvas import Canvas, image_html
from course_lib.classroom.controls import Row
from course_lib.classroom.html import sentence_html


class Worded:
    """Added to a widget, leaves words, `says`, where a notebook is read without a kernel."""

    says: str

    def _repr_mimebundle_(self, **options) -> dict:
        live = super()._repr_mimebundle_(**options)
        data = dict(live[0] if isinstance(live, tuple) else live or {})
        return data | {"text/plain": self.says}


class Pictured(Worded):
    """Added to a widget, leaves a picture too, `png`."""

    png: bytes

    def _repr_mimebundle_(self, **options) -> dict:
        return super()._repr_mimebundle_(**options) | {"image/png": base64.b64encode(self.png).decode()}


class Demo(Pictured, widgets.VBox):
    """Controls over a picture over one sentence.

    A demo implements `show(**values)`: it moves its artists to the values of the controls and returns the sentence,
    which is the picture's alt text too. Read without a kernel, the picture and the sentence are what is left.
    """

    def __init__(self, canvas: Canvas, controls: Mapping[str, widgets.Widget]):
        self.canvas = canvas
        self.controls = dict(controls)
        self.picture = widgets.HTML()
        self.sentence = widgets.HTML()
        super().__init__([Row(self.controls.values()), self.picture, self.sentence])
        for control in self.controls.values():
            control.observe(self.refresh, names="value")
        self.refresh()

    def show(self, **values) -> str:
        """Move the artists to these values and say in one sentence what the picture then shows."""
        raise NotImplementedError

    def refresh(self, change=None) -> None:
        """Draw the picture for the values that the controls have now."""
        self.says = self.show(**{name: control.value for name, control in self.controls.items()})
        self.png = self.canvas.png()
        self.picture.value = image_html(self.png, self.says)
        self.sentence.value = sentence_html(self.says)
