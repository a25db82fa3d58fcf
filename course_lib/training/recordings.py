"""Read the recorded experiments of `data/runs`, which the notebooks show."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from course_lib.training.checksums import verify
from course_lib.training.errors import CourseError
from course_lib.training.paths import RUNS

LABEL_NOISE = "label_noise"
EVERYBODY, ONE_PERSON = "everybody", "one person"
FIELDS = {"name": str, "seed": int, "changes": dict, "metrics": dict, "before": dict, "after": dict, "samples": list}

Curves = Float[np.ndarray, "seeds pairs"]


@dataclass(frozen=True)
class Recording:
    """One recorded run: the settings in which it departs from the experiment's others, and what came of it.

    `metrics` has one list a metric, with one number a step. `before` and `after` are figures on held-out prompts,
    `samples` a few of these prompts with what the policy made of them before and after.
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
    """Read the runs of one experiment: "bugs", "clip", "kl_coef", "choices" or "label_noise".

    Raises:
        CourseError: the file is missing or damaged.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.json"))) or "none"
        raise CourseError(f"Expected the recorded runs {path}, but there is no such file; choose one of: {known}.")
    verify(path)
    try:
        runs = json.loads(path.read_text(encoding="utf-8"))["runs"]
        return [_parse(run, path) for run in runs]
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path, f"reading failed ({type(error).__name__}: {error})") from error


def load_label_noise(*, folder: Path = RUNS) -> LabelNoise:
    """Read the experiment `label_noise`. CourseError as in `load_recording`."""
    recordings = load_recording(LABEL_NOISE, folder=folder)

    def curves(labels: str, noise: float) -> Curves:
        wanted = {"labels": labels, "noise": noise}
        return np.array([run.metrics["pair_accuracy"] for run in recordings if run.changes == wanted])

    try:
        shares = sorted({run.changes["noise"] for run in recordings})
        pairs = np.array(recordings[0].metrics["pairs"], dtype=float)
        return LabelNoise(pairs, {share: curves(ONE_PERSON, share) for share in shares}, curves(EVERYBODY, 0.0))
    except (KeyError, IndexError) as error:
        raise _damaged(folder / f"{LABEL_NOISE}.json", f"{error} is not there") from error


def _parse(run: dict, path: Path) -> Recording:
    for field, expected in FIELDS.items():
        if not isinstance(run[field], expected):
            raise _damaged(path, f"{field} of {run['name']!r} is {run[field]!r:.40}")
    if len({len(column) for column in run["metrics"].values()}) != 1:
        raise _damaged(path, f"the metrics of {run['name']!r} are not of one length")
    return Recording(**{field: run[field] for field in FIELDS})


def _damaged(path: Path, came: str) -> CourseError:
    return CourseError(f"Expected recorded runs in {path}, but {came}; run `git checkout {path}` to restore it.")
