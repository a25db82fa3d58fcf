"""A shipped file that is not as it was shipped is refused, whoever reads it."""

import pytest

from course_lib.training.experiments.frontier import load_frontier
from course_lib.training.experiments.recorded_advantages import load_advantages
from course_lib.training.experiments.recordings import load_label_noise, load_recording
from course_lib.training.experiments.scorers import load_scorers
from course_lib.training.features import load_features
from course_lib.training.files import checksums
from course_lib.training.files.errors import CourseError

READERS = {
    "runs/clip.json": lambda: load_recording("clip"),
    "runs/frontier.json": load_frontier,
    "runs/label_noise.json": load_label_noise,
    "runs/advantages.json": load_advantages,
    "reward-model/results.json": load_scorers,
    "features/film.safetensors": lambda: load_features([]),
}


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_refused_by_its_checksum(name, monkeypatch):
    READERS[name]()
    monkeypatch.setattr(checksums, "sha256", lambda path: "0" * 64)
    with pytest.raises(CourseError, match=rf"Expected data/{name} with SHA-256 .* found a file with 000000000000"):
        READERS[name]()
