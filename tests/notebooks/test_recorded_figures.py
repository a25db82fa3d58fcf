"""What prose and notes say of recorded runs is what the recordings hold; outputs are compared by nbval."""

import numpy as np

from course_lib.classroom.plots.recordings import normalised_scores
from course_lib.classroom.report.report_words import verdicts
from course_lib.publish.stored import FOLDER, find, read
from course_lib.training.experiments.recordings import load_recording, records_of
from course_lib.training.settings import RunSettings
from course_lib.training.texts import degrades_at


def said(notebook, cell_id):
    """The text of a cell and of its notes, each line break a space."""
    (cell,) = (cell for path in find([notebook], FOLDER) for cell in read(path).cells if cell.id == cell_id)
    return " ".join(" ".join([cell.source, *cell.metadata.get("notes", {}).values()]).split())


def test_the_objectives_in_notebook_02():
    runs = load_recording("clip")
    rows = normalised_scores(runs)
    none, clip = (f"{rows[name].mean():.2f}" for name in ("no clipping or penalty", "clip 0.2"))
    kls = ([run.after["kl"] for run in runs if run.name.startswith(name)] for name in ("no clip", "clip"))
    far, near = (f"{min(kl):.0f} to {max(kl):.0f}" for kl in kls)
    answer = said("02", "table-answer")
    assert f"end at {none} of the best, with a clip of 0.2 at {clip}, and they wander off" in answer
    assert f"from the reference is {far} nats a text, with a clip {near}." in answer
    assert f"{none} of the best run, where a clip of 0.2 has {clip}" in said("02", "table-predict")
    assert f"{none} without a clip, {clip} with one" in said("02", "table-idea")
    clips = [rows[f"clip {eps}"] for eps in (0.1, 0.2, 0.3)]
    assert np.ptp([row.mean() for row in clips]) < max(np.ptp(row) for row in clips), "by more than their seeds"
    assert rows["KL penalty 10"].mean() < rows["no clipping or penalty"].mean() < rows["KL penalty 1"].mean()


def test_the_run_in_the_readme_is_the_recorded_default():
    run = next(run for run in load_recording("kl_coef") if run.changes == {"kl_coef": RunSettings().kl_coef})
    summary = {f"{name}_before": value for name, value in run.before.items()}
    summary |= {f"{name}_after": value for name, value in run.after.items()}
    readme = " ".join((FOLDER.parent / "README.md").read_text(encoding="utf-8").split())
    for sentence in verdicts(summary | {"degrades_at": degrades_at(records_of(run))}):
        assert sentence in readme
    seeds = [run.after for run in load_recording("nats") if run.name == "default"]
    assert len(seeds) == 5
    (low, high), (near, far) = ([f(end[name] for end in seeds) for f in (min, max)] for name in ("score", "kl"))
    assert f"Five seeds end with {low:+.2f} to {high:+.2f} at {near:.1f} to {far:.1f} nats" in readme
    steps, score, kl = (run.metrics[name][-1] for name in ("step", "score", "kl"))
    assert f"100%|██████████| {steps}/{steps} [..., score {score:+.2f} sd, KL {kl:.1f} nats]" in readme
