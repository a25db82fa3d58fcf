"""Read the recorded experiments of `data/runs`, which the notebooks show."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from course_lib.training.files import strict_json
from course_lib.training.files.checksums import verify
from course_lib.training.files.errors import CourseError
from course_lib.training.files.paths import RUNS
from course_lib.training.record import Record

LABEL_NOISE = "label_noise"
EVERYBODY, ONE_PERSON = "everybody", "one person"
FIELDS = ("name", "seed", "changes", "metrics", "before", "after", "samples")

Curves = Float[np.ndarray, "seeds pairs"]


@dataclass(frozen=True)
class Recording:
    """One recorded run: the settings in which it departs from the experiment's others, and what came of it.

    `metrics` has one list a metric, with one number a step (of best-of-n: one for each n; of the frontier, whose runs
    are prompts: one for each KL coefficient). `before` and `after` are figures on held-out prompts. `samples` are a few
    of these prompts with what the policy made of them before and after; or with its `text` at one `step`, or one `n`,
    and `gap` true where the proxy exceeds gold the most; or with its `text` after training alone.
    """

    name: str
    seed: int
    changes: dict
    metrics: dict[str, list]
    before: dict
    after: dict
    samples: list[dict]


@dataclass(frozen=True)
class LabelNoise:
    """Accuracy of reward models on pairs of test sentences, by the number of pairs that they learned from.

    `one_person` has a curve for every seed at each share of flipped labels, where one person judged each sentence;
    `everybody` those without flips, where the mean of all ratings decided.
    """

    pairs: Float[np.ndarray, " pairs"]
    one_person: dict[float, Curves]
    everybody: Curves


def load_recording(name: str, *, folder: Path = RUNS) -> list[Recording]:
    """Read the runs of one experiment: the name of a file in `data/runs`, such as "clip" or "overoptimization".

    Raises:
        CourseError: the file is missing, is not as it was shipped, or holds no runs.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.json"))) or "none"
        raise CourseError(f"Expected the recorded runs {path}, but there is no such file; choose one of: {known}.")
    verify(path)
    try:
        runs = strict_json.parse(path.read_text(encoding="utf-8"))["runs"]
        return [Recording(**{field: run[field] for field in FIELDS}) for run in runs]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise unreadable(path, error) from error


def by_name(recordings: Sequence[Recording]) -> dict[str, list[Recording]]:
    """Group the runs that differ in nothing but their seed, in the order of the file."""
    return {run.name: [other for other in recordings if other.name == run.name] for run in recordings}


def records_of(recording: Recording) -> list[Record]:
    """Turn a recording's columns into one record a step."""
    return [dict(zip(recording.metrics, row, strict=True)) for row in zip(*recording.metrics.values(), strict=True)]


def load_label_noise(*, folder: Path = RUNS) -> LabelNoise:
    """Read the experiment `label_noise`. CourseError as in `load_recording`."""
    recordings = load_recording(LABEL_NOISE, folder=folder)

    def curves(labels: str, noise: float | int) -> np.ndarray:
        wanted = {"labels": labels, "noise": noise}
        return np.array([run.metrics["pair_accuracy"] for run in recordings if run.changes == wanted])

    try:
        shares = sorted({run.changes["noise"] for run in recordings})
        one_person, everybody = {share: curves(ONE_PERSON, share) for share in shares}, curves(EVERYBODY, 0.0)
        return LabelNoise(np.array(recordings[0].metrics["pairs"], dtype=float), one_person, everybody)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise unreadable(folder / f"{LABEL_NOISE}.json", error) from error


def unreadable(path: Path, error: Exception) -> CourseError:
    """What to say of a recording in which something is missing or is not as it should be."""
    came = f"reading failed ({type(error).__name__}: {error})"
    return CourseError(f"Expected recorded runs in {path}, but {came}; make it again as data/README.md says.")
