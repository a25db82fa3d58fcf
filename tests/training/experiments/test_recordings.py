import json

import pytest

from course_lib.training.experiments.recordings import Recording, by_name, load_label_noise, load_recording, records_of
from course_lib.training.files.errors import CourseError

RUN = {"name": "a", "seed": 0, "changes": {}, "metrics": {"step": [1, 2]}, "before": {}, "after": {}, "samples": []}


@pytest.fixture
def written(tmp_path):
    """Write runs to a file `x.json` in a folder of their own, and load them."""

    def load(runs):
        (tmp_path / "x.json").write_text(runs if isinstance(runs, str) else json.dumps({"runs": runs}))
        return load_recording("x", folder=tmp_path)

    return load


def test_a_run_is_loaded_as_it_was_written(written):
    (run,) = written([RUN | {"changes": {"lam": 0.0}}])
    assert (run.name, run.seed, run.changes, run.metrics) == ("a", 0, {"lam": 0.0}, {"step": [1, 2]})


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ("no json", "JSONDecodeError"),
        ("[]", "TypeError"),
        ("{}", "'runs'"),
        ([{key: value for key, value in RUN.items() if key != "after"}], "'after'"),
        ([1], "TypeError"),
    ],
)
def test_what_is_no_recording_is_named(written, runs, said):
    with pytest.raises(CourseError, match=r"Expected recorded runs in .*x\.json, but .*make it again") as error:
        written(runs)
    assert said in str(error.value)


def test_a_missing_recording_is_named_with_what_there_is(written, tmp_path):
    written([RUN])
    with pytest.raises(CourseError, match="no such file; choose one of: x"):
        load_recording("clips", folder=tmp_path)


def test_runs_of_one_name_belong_together_and_columns_become_records():
    runs = [Recording(name, 0, {}, {"step": [1, 2], "kl": [0.5, 0.7]}, {}, {}, []) for name in ("b", "a", "b")]
    assert by_name(runs) == {"b": [runs[0], runs[2]], "a": [runs[1]]}
    assert records_of(runs[0]) == [{"step": 1, "kl": 0.5}, {"step": 2, "kl": 0.7}]


@pytest.mark.parametrize("runs", [[RUN], []])
def test_label_noise_without_its_fields_is_damaged(tmp_path, runs):
    (tmp_path / "label_noise.json").write_text(json.dumps({"runs": runs}))
    with pytest.raises(CourseError, match=r"Expected recorded runs in .*label_noise\.json, but .*make it again"):
        load_label_noise(folder=tmp_path)
