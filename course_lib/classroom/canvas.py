"""Pictures that follow a slider: what stands still is drawn once, what moves is drawn again over it."""

import base64
import io
from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from course_lib.classroom.html import render

COLOURS = 128


class Canvas:
    """A figure whose `moving` artists may be changed, and drawn again in a few milliseconds (blitting).

    Axes, ticks and whatever else stands still are drawn once; `redraw` draws them again, which takes longer.
    """

    def __init__(self, figure: Figure, moving: Sequence[Artist]):
        self.canvas = FigureCanvasAgg(figure)
        self.moving = list(moving)
        for artist in self.moving:
            artist.set_animated(True)
        self.redraw()

    def redraw(self) -> None:
        """Draw what stands still."""
        self.canvas.draw()
        self.background = self.canvas.copy_from_bbox(self.canvas.figure.bbox)

    def png(self) -> bytes:
        """Draw the moving artists as they are now and return the whole picture as a PNG file."""
        self.canvas.restore_region(self.background)
        for artist in sorted(self.moving, key=lambda artist: artist.get_zorder()):
            self.canvas.figure.draw_artist(artist)
        pixels = Image.frombuffer("RGBA", self.canvas.get_width_height(), self.canvas.buffer_rgba()).convert("RGB")
        # a palette: the file is a third as large and sooner written, and the eye sees no difference
        pixels = pixels.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        buffer = io.BytesIO()
        pixels.save(buffer, format="png", compress_level=1)
        return buffer.getvalue()


def png(figure: Figure, *, dpi: int | str = "figure") -> bytes:
    """Return a figure as the bytes of a PNG file, the same bytes for the same figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def image_html(picture: bytes, alt: str) -> str:
    """Show a PNG file in HTML, with words for those who do not see it."""
    width, height = Image.open(io.BytesIO(picture)).size
    data = base64.b64encode(picture).decode()
    return render("image", {"alt": alt, "width": width, "height": height, "png": data})
