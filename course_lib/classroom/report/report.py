"""One page that shows a whole run: `report.html`, which needs no network, no script and no other file."""

import base64
from pathlib import Path

from markupsafe import Markup
from matplotlib.figure import Figure

from course_lib.classroom.canvas import png
from course_lib.classroom.html import render
from course_lib.classroom.plots.curves import PANELS, Panel, draw_panel, draw_run
from course_lib.classroom.report.report_words import describe_panel, headline, verdicts
from course_lib.classroom.style import styled
from course_lib.training.files.write import write_bytes, write_text
from course_lib.training.run.finished_run import FinishedRun, read_run

SHOWN = 8
STYLES = (Path(__file__).parents[1] / "look.css", Path(__file__).with_name("report.css"))
FIGURES = (
    ("score", "Score", "{:+z.2f}", "What the reward model says, in standard deviations of the texts before training."),
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
    write_text(run_folder / "report.html", page(run))
    return run_folder / "report.html"


def page(run: FinishedRun) -> str:
    """Return the page. All that the run wrote, its model's text first of all, is escaped."""
    contents = {
        "css": Markup("".join(path.read_text(encoding="utf-8") for path in STYLES)),
        "headline": headline(run.summary),
        "verdicts": verdicts(run.summary),
        "summary": run.summary,
        "figures": FIGURES,
        "samples": run.samples,
        "shown": SHOWN,
        "curves": [(picture(run, panel), describe_panel(run.metrics, panel), panel.meaning) for panel in PANELS],
        "settings": run.settings,
    }
    return render("report", contents)


def picture(run: FinishedRun, panel: Panel) -> str:
    """Draw one panel and return it as a data URI."""
    with styled():
        figure = Figure(figsize=(4.6, 3.5), layout="none")
        figure.subplots_adjust(left=0.13, right=0.97, bottom=0.17, top=0.81)
        draw_panel(figure.subplots(), run.metrics, panel, degrades_at=run.summary["degrades_at"])
        return "data:image/png;base64," + base64.b64encode(png(figure, dpi=160)).decode()
