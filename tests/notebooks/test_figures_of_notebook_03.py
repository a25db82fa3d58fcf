"""What notebook 03 says of recorded runs in its prose and notes is what the recordings hold."""

import pytest

from course_lib.publish.stored import FOLDER, find, read
from course_lib.training.experiments.recordings import load_recording
from course_lib.training.files.paths import REWARD_MODEL
from course_lib.training.ratings import load_ratings
from course_lib.training.reward_model import load_reward_model


@pytest.fixture(scope="module")
def said():
    """The text of each cell and of its notes, each line break a space."""
    cells = [cell for path in find(["03"], FOLDER) for cell in read(path).cells]
    texts = {cell.id: " ".join([cell.source, *cell.metadata.get("notes", {}).values()]) for cell in cells}
    return {name: " ".join(text.split()) for name, text in texts.items()}


@pytest.fixture(scope="module")
def after():
    """What the runs of two seeds ended with, by KL coefficient."""
    runs = load_recording("kl_coef")
    return {coef: [run.after for run in runs if run.changes["kl_coef"] == coef] for coef in (0.0, 0.05, 0.12, 0.2)}


def pair(ends, figure, form):
    return " and ".join(form.format(end[figure]) for end in ends)


def test_without_a_leash_runs_end_far_away_and_with_the_default_near(said, after):
    far, near = pair(after[0.0], "kl", "{:.0f}"), {f"{end['kl']:.0f}" for end in after[0.12]}
    assert f"end at {far} nats, with the leash near {near.pop()}." in said["cockpit-predict"]
    assert not near
    assert f"with 0.12 both end near {after[0.12][0]['kl']:.0f} nats, with 0 at {far}." in said["cockpit-seen"]


def test_what_the_coefficients_buy(said, after):
    seen = said["frontier-seen"]
    assert f"{pair(after[0.2], 'kl', '{:.1f}')} of them bring the score" in seen
    assert f"from 0 to {pair(after[0.2], 'score', '{:.1f}')}, at a coefficient of 0.2" in seen
    assert f"to {pair(after[0.0], 'kl', '{:.0f}')} nats for scores of {pair(after[0.0], 'score', '{:.1f}')}" in seen
    variety = {coef: pair(after[coef], "distinct_2", "{:.0%}") for coef in (0.0, 0.12)}
    assert f"of these two runs {variety[0.0]} are different" in seen
    loosest = [run for run in load_recording("kl_coef") if run.changes["kl_coef"] == 0]
    before = pair([run.before for run in loosest], "distinct_2", "{:.0%}")
    assert f"against {before} before training, and {variety[0.12]} at 0.12" in seen
    texts = [sample["after"] for sample in loosest[0].samples]
    assert all("entertaining" in text for text in texts)
    assert any(
        "an entertaining and entertaining, deeply moving, entertaining and deeply moving film" in t for t in texts
    )
    loose, tight = after[0.05][0], after[0.12][0]
    kl = f"the KL falls from {loose['kl']:.1f} to {tight['kl']:.1f}"
    score = f"the score from {loose['score']:.2f} to {tight['score']:.2f} (seed 0)"
    assert f"from 0.05 to 0.12 {kl} and {score}" in said["quiz-7"]


def test_two_words_for_one_thing_are_worth_little(said):
    reviews = [sentence.text for sentence in load_ratings(split="test") if " movie" in sentence.text][:150]
    model = load_reward_model(REWARD_MODEL)
    gain = model.score([text.replace(" movie", " film") for text in reviews]) - model.score(reviews)
    assert 0 < gain.mean() < 0.1 * model.score(reviews).std(), "no more than a tenth of a standard deviation"
