"""One page that shows a whole run: `report.html`, which needs no network, no script and no other file."""

import base64
import re
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path

from matplotlib.figure import Figure

from course_lib.classroom.canvas import png
from course_lib.classroom.plots.curves import PANELS, Panel, draw_panel, draw_run
from course_lib.classroom.report.finished_run import RecordedRun, read_run
from course_lib.classroom.report.report_words import describe_panel, headline, number, verdicts
from course_lib.classroom.style import styled
from course_lib.training.files.write import write_bytes, write_text

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
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
{css}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def write_report(run_folder: Path) -> Path:
    """Draw `curves.png` and write `report.html` in a run's folder; return the path of the page.

    Raises:
        CourseError: a file of the run is missing or damaged.
    """
    run = read_run(run_folder)
    figure = draw_run(run.metrics, degrades_at=run.summary["degrades_at"])
    write_bytes(run_folder / "curves.png", png(figure, dpi=100))
    write_text(run_folder / "report.html", render(run))
    return run_folder / "report.html"


def render(run: RecordedRun) -> str:
    """Return the page. All that the run wrote, its model's text first of all, is escaped."""
    css = "".join(path.read_text(encoding="utf-8") for path in STYLES)
    body = "\n".join([header(run), figures(run.summary), samples(run.samples), curves(run), footer(run.settings)])
    return PAGE.format(title=escape(headline(run.summary)), css=css, body=body)


def header(run: RecordedRun) -> str:
    """Return the headline and the sentences under it."""
    sentences = "\n".join(f"<p>{escape(sentence)}</p>" for sentence in verdicts(run.summary))
    facts = [f"seed {run.settings.get('seed', 'unknown')}", f"{number(run.summary['seconds'], '{:.0f}')} seconds"]
    return f"""<header>
<p class="kicker">{escape(" · ".join(["A run of PPO", *facts]))}</p>
<h1>{escape(headline(run.summary))}</h1>
<div class="lede">
{sentences}
</div>
</header>"""


def figures(summary: Mapping) -> str:
    """Return the figures before and after, each with a sentence that says what it means."""
    tiles = "\n".join(
        f"""<div class="tile {name}">
<dt>{title}</dt>
<dd class="number">{value}</dd>
<dd class="meaning">{meaning}</dd>
</div>"""
        for name, title, value, meaning in tile_contents(summary)
    )
    return f'<section>\n<h2>The figures</h2>\n<dl class="tiles">\n{tiles}\n</dl>\n</section>'


def tile_contents(summary: Mapping) -> Iterator[tuple[str, str, str, str]]:
    """Yield the name, title, value and meaning of each figure."""
    for name, title, form, meaning in FIGURES:
        before, after = (number(summary[f"{name}_{when}"], form) for when in ("before", "after"))
        yield (
            name,
            title,
            f'<span class="before"><span class="unseen">before </span>{before}</span>'
            f' <span aria-hidden="true">→</span> <span class="unseen">after </span>{after}',
            meaning,
        )
    step = f"from step {summary['degrades_at']}" if summary["degrades_at"] is not None else "not seen"
    yield "degrades", "Texts degrade", step, "Less varied, shorter or more monotonous than at first."


def curves(run: RecordedRun) -> str:
    """Return one picture for each question, with the sentence that says how to read it."""
    degrades_at = run.summary["degrades_at"]
    note = f"<p>The dotted line marks step {degrades_at}, where the texts start to degrade.</p>\n"
    pictures = "\n".join(
        f'<figure>\n<img src="{picture(run, panel)}" alt="{escape(describe_panel(run.metrics, panel))}">\n'
        f"<figcaption>{escape(panel.meaning)}</figcaption>\n</figure>"
        for panel in PANELS
    )
    return f"""<section>
<h2>The training, step by step</h2>
{note if degrades_at is not None else ""}<div class="curves">
{pictures}
</div>
</section>"""


def picture(run: RecordedRun, panel: Panel) -> str:
    """Draw one panel and return it as a data URI."""
    with styled():
        figure = Figure(figsize=(4.6, 3.5), layout="none")
        figure.subplots_adjust(left=0.13, right=0.97, bottom=0.17, top=0.81)
        draw_panel(figure.subplots(), run.metrics, panel, degrades_at=run.summary["degrades_at"])
        return "data:image/png;base64," + base64.b64encode(png(figure, dpi=160)).decode()


def samples(records: list[dict]) -> str:
    """Return the same prompts continued before and after training."""
    more = ""
    if len(records) > SHOWN:
        more = f"<details>\n<summary>{len(records) - SHOWN} more</summary>\n{table(records[SHOWN:])}\n</details>"
    return f"<section>\n<h2>The same prompts, before and after</h2>\n{table(records[:SHOWN])}\n{more}\n</section>"


def table(records: list[dict]) -> str:
    """Return a table of texts with their scores."""
    rows = "\n".join(f"<tr>{cell(record, 'before')}{cell(record, 'after')}</tr>" for record in records)
    head = '<tr><th scope="col">Before training</th><th scope="col">After PPO</th></tr>'
    return f'<table class="texts">\n<thead>{head}</thead>\n<tbody>\n{rows}\n</tbody>\n</table>'


def cell(record: dict, when: str) -> str:
    """Return one text, its prompt set apart, with the score and the judge's verdict."""
    continuation = record[when].removeprefix(record["prompt"])
    return (
        f'<td class="{when}"><p><b>{text(record["prompt"])}</b>{text(continuation)}</p>'
        f'<p class="verdict"><span class="score">score {number(record[f"score_{when}"])}</span> '
        f'<span class="judge">judge {number(record[f"judge_{when}"])}</span></p></td>'
    )


def text(words: str) -> str:
    """Escape a text and keep its punctuation, which stands apart in the ratings, on the line of the word before."""
    return re.sub(r" (?=[.,;:!?])", "\u00a0", escape(words))


def footer(settings: Mapping) -> str:
    """Return all settings, folded, and how to go on from here."""
    flat = {
        (f"{name}, {inner}" if inner else name): value
        for name, values in settings.items()
        for inner, value in (values.items() if isinstance(values, dict) else [("", values)])
    }
    rows = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(str(value))}</td></tr>' for name, value in flat.items()
    )
    return f"""<footer>
<details>
<summary>All settings</summary>
<table class="settings">
<tbody>
{rows}
</tbody>
</table>
</details>
<p>Beside this page: <code>metrics.jsonl</code> with every metric of every step, <code>samples.jsonl</code> with the
texts, and the trained model in <code>policy/</code>, which
<code>AutoModelForCausalLM.from_pretrained</code> loads.</p>
</footer>"""
