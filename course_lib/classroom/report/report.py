"""One page that shows a whole run: `report.html`, which needs no network, no script and no other file."""

import base64
from collections.abc import Callable
from functools import partial
from pathlib import Path

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_lib.classroom.canvas import png
from course_lib.classroom.html import render
from course_lib.classroom.plots.curves import draw_panel, draw_run
from course_lib.classroom.plots.frontier import draw_run_against_kl
from course_lib.classroom.plots.panels import Panel, panels_of
from course_lib.classroom.report.report_words import (
    against_frontier,
    describe_frontier,
    describe_panel,
    headline,
    verdicts,
)
from course_lib.classroom.style import styled
from course_lib.training.experiments.frontier import Frontier, load_frontier
from course_lib.training.files.write import write_bytes, write_text
from course_lib.training.record import LOOKING_ON
from course_lib.training.run.finished_run import FinishedRun, read_run
from course_lib.training.settings import RunSettings

SHOWN = 8
OF_THE_FRONTIER = ("model", "reward_model", "reward", "prompts", "prompt_len", "response_len", "temperature")
STYLES = (Path(__file__).parents[1] / "look.css", Path(__file__).with_name("report.css"))
FIGURES = (
    ("score", "Score", "{:+z.2f}", "What the reward says, in standard deviations of the texts before training."),
    (LOOKING_ON, "People’s reward model", "{:+z.2f}", "In standard deviations too; PPO does not please it."),
    ("judge", "Independent judge", "{:+z.2f}", "VADER’s rules, from −1 to 1; PPO never sees them."),
    ("kl", "KL from the reference", "{:z.1f}", "Nats per text that the policy has moved from the model it started as."),
    ("eos_share", "End by themselves", "{:.0%}", "Texts that reach their end before they are cut off."),
    ("response_length", "Length", "{:.1f}", "Tokens of a response, on average."),
    ("distinct_2", "Distinct word pairs", "{:.0%}", "Neighbouring word pairs that are different ones, of all pairs."),
    ("top_word_share", "Most frequent word", "{:.0%}", "Share of all words that one single word has."),
)


def write_report(run_folder: Path) -> Path:
    """Draw `curves.png` and write `report.html` in a run's folder; return the path of the page.

    Raises:
        CourseError: a file of the run is missing or damaged.
    """
    run = read_run(run_folder)
    figure = draw_run(run.metrics, degrades_at=run.summary["degrades_at"])
    write_bytes(run_folder / "curves.png", png(figure, dpi=100))
    write_text(run_folder / "report.html", page(run, load_frontier() if below_the_frontier(run.settings) else None))
    return run_folder / "report.html"


def below_the_frontier(settings: dict) -> bool:
    """Tell whether a run's texts and scores are of the kind that the frontier was estimated for: the default one."""
    defaults = RunSettings()
    alike = all(settings.get(name) == getattr(defaults, name) for name in OF_THE_FRONTIER)
    return alike and "reward-model" not in settings.get("steps", "")


def page(run: FinishedRun, frontier: Frontier | None) -> str:
    """Return the page, with a picture under the frontier if there is one that holds for the run.

    All that the run wrote, its model's text first of all, is escaped.
    """
    curves = [one_panel(run, panel) for panel in panels_of(run.metrics)] + (
        [under_the_frontier(run, frontier)] if frontier else []
    )
    contents = {
        "css": Markup("".join(path.read_text(encoding="utf-8") for path in STYLES)),
        "headline": headline(run.summary),
        "verdicts": verdicts(run.summary),
        "summary": run.summary,
        "figures": [figure for figure in FIGURES if f"{figure[0]}_after" in run.summary],
        "samples": run.samples,
        "shown": SHOWN,
        "curves": curves,
        "settings": run.settings,
    }
    return render("report", contents)


def one_panel(run: FinishedRun, panel: Panel) -> tuple[str, str, str]:
    """A panel's picture, what it shows in words, and how to read it."""
    drawn = picture(partial(draw_panel, metrics=run.metrics, panel=panel, degrades_at=run.summary["degrades_at"]))
    return drawn, describe_panel(run.metrics, panel), panel.meaning


def under_the_frontier(run: FinishedRun, frontier: Frontier) -> tuple[str, str, str]:
    """The picture of score against KL, what it shows in words, and how far below the frontier the run ended."""
    end = run.summary["kl_after"], run.summary["score_after"]
    drawn = picture(partial(draw_run_against_kl, metrics=run.metrics, frontier=frontier, end=end))
    return drawn, describe_frontier(frontier), against_frontier(*end, frontier)


def picture(draw: Callable[[Axes], None]) -> str:
    """Draw one picture and return it as a data URI."""
    with styled():
        figure = Figure(figsize=(4.6, 3.5), layout="none")
        figure.subplots_adjust(left=0.13, right=0.97, bottom=0.17, top=0.81)
        draw(figure.subplots())
        return "data:image/png;base64," + base64.b64encode(png(figure, dpi=160)).decode()
