"""Read the recorded experiments of `data/runs`, which the notebooks show."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from course_lib.training.files import strict_json
from course_lib.training.files.checksums import verify
from course_lib.training.files.errors import CourseError
from course_lib.training.files.measured import TEXTS, is_measurement
from course_lib.training.files.paths import RUNS

LABEL_NOISE = "label_noise"
EVERYBODY, ONE_PERSON = "everybody", "one person"
FIELDS = {"name": str, "seed": int, "changes": dict, "metrics": dict, "before": dict, "after": dict, "samples": list}
ON_A_CURVE = ("prompt", "text")  # the texts of a sample that belongs to one step, or one n
NO_FIGURES = {*TEXTS, *ON_A_CURVE, "gap"}

Curves = Float[np.ndarray, "seeds pairs"]


@dataclass(frozen=True)
class Recording:
    """One recorded run: the settings in which it departs from the experiment's others, and what came of it.

    `metrics` has one list a metric, with one number a step (of best-of-n: one for each n). `before` and `after` are
    figures on held-out prompts. `samples` are a few of these prompts with what the policy made of them before and
    after; or with its `text` at one `step`, or one `n`, and `gap` true where the proxy exceeds gold the most.
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
        CourseError: the file is missing or damaged.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.json"))) or "none"
        raise CourseError(f"Expected the recorded runs {path}, but there is no such file; choose one of: {known}.")
    verify(path)
    try:
        runs = strict_json.parse(path.read_text(encoding="utf-8"))["runs"]
        recordings = [_parse(run, path) for run in runs]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(path, f"reading failed ({type(error).__name__}: {error})") from error
    if not recordings or len({(run.name, run.seed) for run in recordings}) < len(recordings):
        raise _damaged(path, "a run is there twice" if recordings else "there is none")
    return recordings


def load_label_noise(*, folder: Path = RUNS) -> LabelNoise:
    """Read the experiment `label_noise`. CourseError as in `load_recording`."""
    recordings = load_recording(LABEL_NOISE, folder=folder)

    def curves(labels: str, noise: float | int) -> np.ndarray:
        wanted = {"labels": labels, "noise": noise}
        return np.array([run.metrics["pair_accuracy"] for run in recordings if run.changes == wanted])

    path = folder / f"{LABEL_NOISE}.json"
    try:
        shares = sorted({run.changes["noise"] for run in recordings})
        pairs = recordings[0].metrics["pairs"]
        one_person, everybody = {share: curves(ONE_PERSON, share) for share in shares}, curves(EVERYBODY, 0.0)
        same_pairs = all(run.metrics["pairs"] == pairs for run in recordings) and pairs == sorted(set(pairs))
    except KeyError as error:
        raise _damaged(path, f"{error} is not there") from error
    except (TypeError, ValueError) as error:
        raise _damaged(path, f"the curves do not fit together ({error})") from error
    if not same_pairs or not all(is_measurement("noise", share) for share in shares):
        raise _damaged(path, "the numbers of pairs do not grow, or not alike in all runs, or a noise is no share")
    if any(curve.shape != everybody.shape or curve.dtype != float for curve in (everybody, *one_person.values())):
        raise _damaged(path, "an accuracy or a seed is missing")
    one_person = {float(share): curve for share, curve in one_person.items()}
    return LabelNoise(np.array(pairs, dtype=float), one_person, everybody)


def _parse(run: object, path: Path) -> Recording:
    for fault in _faults(run):
        raise _damaged(path, f"in the run {run['name']!r:.40} {fault}" if "name" in run else fault)
    return Recording(**{field: run[field] for field in FIELDS})


def _faults(run: object) -> Iterator[str]:
    """Say what is wrong with a run, one thing after the other; later ones hold only if there is no earlier one."""
    for field, expected in FIELDS.items():
        if type(run[field]) is not expected:
            yield f"{field} is {run[field]!r:.40}"
    columns, records = run["metrics"], [run["before"], run["after"], *run["samples"]]
    if not all(isinstance(column, list) for column in columns.values()):
        yield "a metric is no list"
    if len({len(column) for column in columns.values()}) != 1:
        yield "the metrics are not of one length"
    if columns.get("step", []) != list(range(1, len(columns.get("step", [])) + 1)):
        yield "the steps are not 1, 2, 3 and so on"
    if not all(isinstance(record, dict) for record in records):
        yield "a sample is no JSON object"
    if not all(_is_sample(sample) for sample in run["samples"]):
        yield "a sample lacks a text, or has a gap that is not true"
    figures = [(name, value) for name, column in columns.items() for value in column]
    figures += [(name, value) for record in records for name, value in record.items() if name not in NO_FIGURES]
    for name, value in figures:
        if value is not None and not is_measurement(name, value):
            yield f"{name!r:.40} is {value!r:.40}"


def _is_sample(sample: dict) -> bool:
    texts = ON_A_CURVE if "text" in sample else TEXTS
    return all(isinstance(sample[text], str) for text in texts) and sample.get("gap", True) is True


def _damaged(path: Path, came: str) -> CourseError:
    return CourseError(f"Expected recorded runs in {path}, but {came}; run `git checkout {path}` to restore it.")
