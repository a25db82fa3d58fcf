import numpy as np
from matplotlib.figure import Figure

from course_lib.classroom.plots.objective_line import draw_objective_line, objective_line_figure, say_objective_line
from course_lib.training.experiments.objective_line import ObjectiveLine


def test_the_picture_and_its_words():
    t = np.array([0.0, 1.0, 2.0])
    line = ObjectiveLine(t, np.array([0, 0.5, 1.2]), np.array([0, 0.1, 0.1]), np.array([0, 0.1, -0.3]), t / 4)
    assert "ratio × A +0.5, PPO’s objective +0.1" in say_objective_line(line, line)
    assert "at t = 2 +1.2 and −0.3" in say_objective_line(line, line)
    assert say_objective_line(line, line).endswith("PPO’s objective is highest there at t = 1.")
    early = ObjectiveLine(t, line.unclipped, line.clipped, np.array([0.2, 0.1, 0.1]), line.kl)
    assert say_objective_line(line, early).endswith("highest there at t = 0.")
    ax, kl_ax = Figure().subplots(2)
    draw_objective_line(ax, kl_ax, line)
    assert kl_ax.lines[0].get_ydata().tolist() == [0, 0.25, 0.5]
    assert len(objective_line_figure(line, line).axes) == 4
