import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from course_lib.classroom.own_model import Estimate, Verdict, wilson
from course_lib.classroom.plots.own_model import verdict_figure


@pytest.mark.parametrize(("agreed", "written"), [(0, "0.00"), (1, "0.20"), (5, "1.00")])
def test_every_share_stands_inside_the_picture(agreed, written):
    rest = Estimate(0.5, 0.45, 0.55)
    figure = verdict_figure(Verdict(5, agreed, wilson(agreed, 5), rest, rest, crowd=0.8))
    FigureCanvasAgg(figure).draw()
    ax = figure.axes[0]
    number = next(text for text in ax.texts if text.get_text() == written).get_window_extent()
    assert ax.bbox.x0 < number.x0
    assert number.x1 < ax.bbox.x1
