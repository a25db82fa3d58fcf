import base64

import pytest
from matplotlib.figure import Figure

from course_lib.classroom import show as module
from course_lib.classroom.canvas import png
from course_lib.classroom.show import show
from course_lib.classroom.style import styled


def figure() -> Figure:
    with styled():
        made = Figure(figsize=(2, 1))
        made.subplots().plot([1, 3])
    return made


@pytest.fixture
def displayed(monkeypatch):
    messages = []
    monkeypatch.setattr(module, "display", lambda data, **options: messages.append((data, options)))
    return messages


def test_a_figure_is_shown_with_words_beside_it_and_in_it(displayed):
    show(figure(), "A line rises from 1 to 3.")
    ((data, options),) = displayed
    assert data["text/plain"] == "A line rises from 1 to 3."
    assert options["metadata"] == {"image/png": {"alt": "A line rises from 1 to 3."}}
    picture = base64.b64decode(data["image/png"])
    assert picture.startswith(b"\x89PNG")
    assert int.from_bytes(picture[16:20]) == 200  # the width in pixels: 2 inches at 100 dpi
    assert int.from_bytes(picture[20:24]) == 100


def test_the_same_figure_gives_the_same_bytes_and_names_no_software():
    assert png(figure()) == png(figure())
    assert b"matplotlib" not in png(figure()).lower()
    assert b"tEXt" not in png(figure())
