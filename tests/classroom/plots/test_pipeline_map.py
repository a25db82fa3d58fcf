import io

import numpy as np
from PIL import Image

from course_lib.classroom.canvas import png
from course_lib.classroom.plots.pipeline_map import pipeline_map


def test_the_map_has_all_its_colours():
    pixels = np.asarray(Image.open(io.BytesIO(png(pipeline_map()))).convert("RGB")).reshape(-1, 3)
    colours = {tuple(int(part) for part in pixel) for pixel in np.unique(pixels, axis=0)}
    for colour in ("#0072B2", "#767676", "#E69F00", "#009E73"):
        assert tuple(bytes.fromhex(colour[1:])) in colours, colour


def test_nothing_on_the_map_is_cut_off():
    figure = pipeline_map()
    figure.canvas.draw()
    for text in figure.axes[0].texts:
        box = text.get_window_extent()
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= 1000
        assert box.y1 <= 450
