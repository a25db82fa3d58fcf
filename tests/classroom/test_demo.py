import base64
import io

import ipywidgets as widgets
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from course_lib.classroom.canvas import Canvas, image_html
from course_lib.classroom.demo import Demo

BLUE = (0, 0, 255)


class Bar(Demo):
    """A blue bar as high as the slider says, on a picture of 100 x 100 pixels."""

    def __init__(self):
        figure = Figure(figsize=(1, 1), dpi=100)
        ax = figure.add_axes((0, 0, 1, 1), xlim=(0, 1), ylim=(0, 1))
        ax.axis("off")
        (self.bar,) = ax.bar(0.5, 0, width=1, color="blue", antialiased=False)
        super().__init__(Canvas(figure, [self.bar]), {"height": widgets.FloatSlider(value=0.5, max=1)})

    def show(self, *, height):
        self.bar.set_height(height)
        return f"The bar is <{height:.1f}> high."


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def blue_rows(png: bytes) -> int:
    return int((abs(pixels(png)[:, 50] - BLUE) < 4).all(axis=1).sum())  # a palette is a little off


@pytest.mark.parametrize("height", [0.0, 0.25, 1.0])
def test_the_picture_follows_the_slider(height):
    demo = Bar()
    demo.controls["height"].value = height
    assert blue_rows(demo.png) == pytest.approx(100 * height, abs=1)


def test_nothing_of_an_earlier_picture_is_left():
    demo = Bar()
    first = demo.png
    demo.controls["height"].value = 1.0
    demo.controls["height"].value = 0.5
    assert (pixels(demo.png) == pixels(first)).all()


def test_the_sentence_is_the_alt_text_and_is_escaped():
    demo = Bar()
    demo.controls["height"].value = 0.2
    for html in (demo.picture.value, demo.sentence.value):
        assert "The bar is &lt;0.2&gt; high." in html


def test_without_a_kernel_a_picture_and_words_are_left():
    bundle = Bar()._repr_mimebundle_()
    assert blue_rows(base64.b64decode(bundle["image/png"])) == pytest.approx(50, abs=1)
    assert bundle["text/plain"] == "The bar is <0.5> high."
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_the_image_keeps_its_place_while_it_is_decoded():
    html = image_html(Bar().png, 'a "bar"')
    assert 'width="100" height="100"' in html
    assert 'alt="a &#34;bar&#34;"' in html
