import base64
import json
import re
from html.parser import HTMLParser

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from course_lib.classroom.plots.curves import draw_panel, draw_run
from course_lib.classroom.plots.panels import PANELS
from course_lib.classroom.report.report import below_the_frontier, write_report
from course_lib.classroom.report.report import page as page_of
from course_lib.classroom.report.report_words import against_frontier, headline, judgement
from course_lib.classroom.style import STYLE
from course_lib.training.experiments.frontier import Frontier
from course_lib.training.files.errors import CourseError
from course_lib.training.record import LOOKING_ON
from course_lib.training.run.finished_run import METRICS, read_run
from course_lib.training.settings import RunSettings

SCORES = [0.5, 1.5, 2.25]
VOID = {"meta", "img"}
FRONTIER = Frontier(np.array([0.0, 1.0, 4.0]), np.array([0.0, 1.5, 2.5]), np.full(3, 0.1))
HOSTILE = '<script>alert("now")</script>'


def records() -> list[dict]:
    constant = {"kl": 3.0, "kl_coef": 0.05, "judge": None, "entropy": 2.0, "clip_fraction": 0.1}
    constant |= {"eos_share": 1.0, "response_length": 12.0, "distinct_2": 0.9, "top_word_share": 0.05}
    return [
        {"step": step, "score": score, "explained_variance": ev} | constant
        for step, score, ev in zip((1, 2, 3), SCORES, (-40.0, 0.0, 0.5), strict=True)
    ]


def summary(**changes) -> dict:
    measured = {"score": (0.0, 2.2), "judge": (0.2, 0.6), "kl": (-1e-9, 3.0), "eos_share": (0.9, 1.0)}
    measured |= {"response_length": (14.0, 12.0), "distinct_2": (0.95, 0.9), "top_word_share": (0.04, 0.05)}
    pairs = {f"{name}_{when}": pair[i] for name, pair in measured.items() for i, when in enumerate(("before", "after"))}
    return pairs | {"steps": 3, "seconds": 12.3, "degrades_at": 2} | changes


def sample(number: int) -> dict:
    texts = {"prompt": "The plot", "before": f"The plot {HOSTILE} .", "after": f"Text {number} & more"}
    return texts | {"score_before": -0.5, "score_after": 1.25, "judge_before": -0.1, "judge_after": None}


def write_run(folder):
    lines = {"metrics.jsonl": records(), "samples.jsonl": [sample(number) for number in range(10)]}
    for name, content in lines.items():
        (folder / name).write_text("".join(json.dumps(record) + "\n" for record in content))
    (folder / "summary.json").write_text(json.dumps(summary()))
    (folder / "settings.json").write_text(json.dumps({"seed": 7, "model": HOSTILE, "versions": {"torch": "2.13.0"}}))
    return folder


@pytest.fixture
def run_folder(tmp_path):
    return write_run(tmp_path)


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    folder = write_run(tmp_path_factory.mktemp("run"))
    style = [mpl.rcParams[name] for name in STYLE]
    assert write_report(folder) == folder / "report.html"
    assert [mpl.rcParams[name] for name in STYLE] == style, "a report leaves the user's plotting style alone"
    return folder


@pytest.fixture(scope="module")
def page(reported):
    return (reported / "report.html").read_text(encoding="utf-8")


class Outline(HTMLParser):
    """Checks that every element is closed where it should be, and gathers what the page loads."""

    def __init__(self, page: str):
        super().__init__()
        self.open, self.sources, self.names, self.alts = [], [], set(), []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href", "srcset")]
        self.alts += [dict(attrs)["alt"] for _ in [0] if tag == "img"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_loads_nothing(page):
    outline = Outline(page)
    assert outline.open == []
    assert {"script", "link", "iframe"}.isdisjoint(outline.names)
    assert len(outline.sources) == len(PANELS)
    for source in outline.sources:
        head, data = source.split(",")
        assert head == "data:image/png;base64"
        assert base64.b64decode(data, validate=True).startswith(b"\x89PNG")


def test_model_text_and_settings_are_escaped(page):
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(&#34;now&#34;)&lt;/script&gt;") == 10 + 1  # ten samples and one setting
    assert "Text 3 &amp; more" in page


def test_the_prompt_is_set_apart_from_its_continuation(page):
    assert "<p><b>The plot</b> &lt;script" in page


def test_the_page_says_what_happened(page):
    assert "In 3 steps of PPO the score rose by 2.2 standard deviations" in page
    assert "from +0.00 to +2.20 standard deviations, at a KL of 3.0 nats" in page
    assert "The independent judge agrees: +0.20 before, +0.60 after." in page
    assert "100% of the texts end by themselves." in page
    assert "At step 2 the texts first show a sign of degradation: over 3 steps, word pairs less than 80% as" in page
    assert "seed 7 · 12 seconds" in page
    assert "versions, torch" in page


def test_pictures_are_told_in_words(page):
    alts = Outline(page).alts
    assert alts[0] == "Score (standard deviations): +0.50 at step 1, +2.25 at step 3."
    assert alts[1] == "Independent judge (VADER compound, −1 to 1): not measured at step 1, not measured at step 3."


def test_curves_png_is_a_whole_picture_and_nothing_half_written_stays(reported):
    picture = (reported / "curves.png").read_bytes()
    assert (int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])) == (1400, 1100)
    assert not list(reported.glob("*.tmp"))


@pytest.mark.parametrize(
    ("after", "how"),
    [(1.0, "rose by 1.0 standard deviations"), (-0.5, "fell by 0.5 standard deviations"), (0.0, "stayed where it was")],
)
def test_headline(after, how):
    assert headline(summary(score_after=after)) == f"In 3 steps of PPO the score {how}"


def test_a_judge_that_disagrees_is_the_warning_sign():
    sentence = judgement(summary(judge_after=0.1))
    assert sentence.startswith("The independent judge does not agree: +0.20 before, +0.10 after, a sign that")
    assert judgement(summary(judge_after=None)) == "The independent judge was not asked."


def test_a_panel_shows_the_metric_and_marks_the_degradation():
    ax = Figure().subplots()
    draw_panel(ax, records(), PANELS[0], degrades_at=2)
    drawn = [(list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines]
    assert ([1, 2, 3], SCORES) in drawn
    assert ([2, 2], [0, 1]) in drawn, "the dotted line at step 2"
    assert ([2], [1.5]) in drawn, "the marked point on the curve"
    assert [text.get_text() for text in ax.texts].count("+2.25") == 1


def test_axes_tell_the_truth():
    panels = {panel.lines[0].metric: panel for panel in PANELS}
    axes = dict(zip(panels, Figure().subplots(3, 3).flat, strict=True))
    for name, panel in panels.items():
        draw_panel(axes[name], records(), panel)
    assert axes["response_length"].get_ylim()[0] == 0, "a length starts at 0, so that its change is not magnified"
    assert axes["explained_variance"].get_ylim()[0] > -2, "one bad first step must not flatten the rest"
    assert axes["distinct_2"].yaxis.get_major_formatter()(0.5) == "50%"
    assert any(text.get_text() == "nats per response, coefficient 0.05" for text in axes["kl"].texts)


def test_a_run_of_one_step_is_drawn():
    assert len(draw_run(records()[:1]).axes) == len(PANELS)


def test_a_metric_that_no_record_has_is_named():
    with pytest.raises(CourseError, match="Expected 'score' in the records"):
        draw_run([{"step": 1, "kl_coef": 0.1}])


@pytest.mark.parametrize(
    ("name", "damage", "sentence"),
    [
        ("summary.json", None, "Expected the file .*summary.json, but it is not there"),
        ("settings.json", b"{", "Expected JSON in .*settings.json, but it holds something else"),
        ("settings.json", b"[]", r"Expected a JSON object in .*settings.json, but it holds \[\]"),
        ("samples.jsonl", b"", "Expected a record on each line of .*samples.jsonl, but it is empty"),
        ("samples.jsonl", b"\xff", "Expected to read .*samples.jsonl, but it cannot be read"),
        ("samples.jsonl", b'{"prompt": 3}', "Expected a text as 'prompt' in line 1 of .*samples.jsonl, but it is 3"),
        ("summary.json", b'{"score_before": NaN}', "Expected a number as 'score_before' in .*, but it is None"),
        ("metrics.jsonl", b'{"score": 1}\n{"score": ', "Expected a number .* in line 1 of .*, but it is not there"),
    ],
)
def test_a_missing_or_damaged_file_is_one_sentence(run_folder, name, damage, sentence):
    (run_folder / name).unlink()
    if damage is not None:
        (run_folder / name).write_bytes(damage)
    with pytest.raises(CourseError, match=sentence) as error:
        write_report(run_folder)
    assert "\n" not in str(error.value)
    assert not (run_folder / "report.html").exists()


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(CourseError, match=re.escape(f"Expected the file {tmp_path / 'metrics.jsonl'}")):
        read_run(tmp_path)


def test_every_picture_is_of_a_metric_that_a_run_has_to_have():
    assert {line.metric for panel in PANELS for line in panel.lines} <= METRICS


def test_a_run_under_the_frontier_has_one_picture_more_and_says_how_far_below_it_ended(run_folder):
    page = page_of(read_run(run_folder), FRONTIER)
    outline = Outline(page)
    assert outline.open == []
    assert len(outline.sources) == len(PANELS) + 1
    assert outline.alts[-1].startswith("Score against KL, a point a step")
    assert "from 0.0 at 0 nats to 2.5 at 4.0" in outline.alts[-1]
    assert "at 3.0 nats the run is as good" in page  # a score of 2.2, of 2.17 that the frontier has there


@pytest.mark.parametrize(
    ("kl", "score", "said"),
    [
        (2.0, 0.75, "it has about +1.83 at the run’s 2.0 nats, and needs about 0.5 nats for the run’s score, which"),
        (7.0, 2.0, "could do: it needs about 2.5 nats for the run’s score, which cost the run 7.0."),
        (7.0, 2.6, "The best policy at 4.0 nats has about +2.50; further out there are too few samples to tell."),
        (2.0, -0.3, "needs about 0.0 nats for the run’s score, which cost the run 2.0."),
        (0.1, 0.3, "at 0.1 nats the run is as good, as far as this can be told"),
    ],
)
def test_how_far_below_the_frontier_a_run_ended(kl, score, said):
    assert said in against_frontier(kl, score, FRONTIER)


def test_beside_a_reward_of_ones_own_stands_what_people_s_reward_model_says(run_folder):
    run = read_run(run_folder)
    for record in run.metrics:
        record[LOOKING_ON] = -0.25 * record["step"]
    run.summary.update({f"{LOOKING_ON}_before": 0.0, f"{LOOKING_ON}_after": -0.75})
    run.samples[0].update({f"{LOOKING_ON}_before": -1.5, f"{LOOKING_ON}_after": 3.5})
    page = page_of(run, None)
    alts = Outline(page).alts
    assert len(alts) == len(PANELS) + 1
    assert alts[0].startswith("Your reward (standard deviations): +0.50 at step 1")
    assert alts[1] == "People’s reward model (standard deviations): −0.25 at step 1, −0.75 at step 3."
    assert "your reward went from +0.00 to +2.20" in page
    assert "People’s reward model does not agree: +0.00 before, −0.75 after, a sign that the policy pleases" in page
    assert "people −1.50" in page
    assert "the reward model is being fooled" not in page
    assert len(draw_run(run.metrics).axes) == len(PANELS) + 1


@pytest.mark.parametrize(
    ("changes", "below"),
    [
        ({}, True),
        ({"kl_coef": 0.2, "seed": 3, "iterations": 5, "batch_size": 16}, True),
        ({"model": "gpt2"}, False),
        ({"reward_model": "elsewhere"}, False),
        ({"reward": "rules.py:joy"}, False),
        ({"prompt_len": 5}, False),
        ({"response_len": 12}, False),
        ({"temperature": 1.0}, False),
        ({"steps": "reward-model,ppo,report"}, False),
    ],
)
def test_the_frontier_holds_for_the_models_prompts_and_temperature_that_it_was_estimated_for(changes, below):
    assert below_the_frontier(vars(RunSettings(**changes))) is below


def test_settings_of_another_kind_have_no_frontier():
    assert not below_the_frontier({"seed": 7})
