"""Read what a run of `python -m course_lib run` left in its folder."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from course_lib.training.files import strict_json
from course_lib.training.files.errors import CourseError
from course_lib.training.files.measured import TEXTS, is_measurement, wanted
from course_lib.training.record import PPO_METRICS

MEASURED = ("score", "kl", "response_length", "eos_share", "distinct_2", "top_word_share")
BEFORE_AND_AFTER = ("before", "after")
# Not everything can be measured at every step: what is only listed under the names of all may be null.
ALWAYS_IN_SUMMARY = {f"{name}_{when}" for name in MEASURED for when in BEFORE_AND_AFTER} | {"steps", "seconds"}
SUMMARY = ALWAYS_IN_SUMMARY | {"judge_before", "judge_after", "degrades_at"}
ALWAYS_IN_METRICS = {"step", "kl_coef"}
METRICS = ALWAYS_IN_METRICS | {*PPO_METRICS}
SAMPLE = {*TEXTS} | {f"{name}_{when}" for name in ("score", "judge") for when in BEFORE_AND_AFTER}


@dataclass(frozen=True)
class FinishedRun:
    """A finished run: one record a step, figures on held-out prompts, texts before and after, and all settings."""

    metrics: list[dict]
    summary: dict
    samples: list[dict]
    settings: dict


def read_run(folder: Path) -> FinishedRun:
    """Read `metrics.jsonl`, `summary.json`, `samples.jsonl` and `settings.json`; NaN is read as None, not measured.

    Raises:
        CourseError: a file is missing or is not JSON, a field is missing or has a value that it cannot have, or the
            steps are not those that the summary counts.
    """
    metrics = _lines(folder / "metrics.jsonl", METRICS, always=ALWAYS_IN_METRICS)
    summary = _record(_read(folder / "summary.json"), str(folder / "summary.json"), SUMMARY, always=ALWAYS_IN_SUMMARY)
    samples = _lines(folder / "samples.jsonl", SAMPLE, always=TEXTS)
    _check_steps(metrics, summary, folder)
    return FinishedRun(metrics, summary, samples, _object(_read(folder / "settings.json"), folder / "settings.json"))


def _check_steps(metrics: Sequence[dict], summary: dict, folder: Path) -> None:
    for number, record in enumerate(metrics, start=1):
        if record["step"] != number:
            came = f"it is step {record['step']}"
            raise _damaged(f"step {number} in line {number} of {folder / 'metrics.jsonl'}", came)
    if summary["steps"] != len(metrics):
        came = f"there are {len(metrics)}"
        said = f"{summary['steps']} steps, as {folder / 'summary.json'} says,"
        raise _damaged(f"{said} in {folder / 'metrics.jsonl'}", came)
    if (summary["degrades_at"] or 1) > len(metrics):
        came = f"it is {summary['degrades_at']}"
        raise _damaged(f"one of {len(metrics)} steps as 'degrades_at' in {folder / 'summary.json'}", came)


def _lines(path: Path, fields: Collection[str], *, always: Collection[str]) -> list[dict]:
    content = _read(path).removesuffix("\n")
    if not content:
        raise _damaged(f"a record on each line of {path}", "it is empty")
    lines = enumerate(content.split("\n"), start=1)
    return [_record(line, f"line {number} of {path}", fields, always=always) for number, line in lines]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise _damaged(f"the file {path}", "it is not there") from None
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(f"to read {path}", f"it cannot be read ({error})") from None


def _object(text: str, where: str | Path) -> dict:
    try:
        record = strict_json.parse(text, nan_is_null=True)
    except ValueError as error:
        raise _damaged(f"JSON in {where}", f"it holds something else ({error})") from None
    if not isinstance(record, dict):
        raise _damaged(f"a JSON object in {where}", f"it holds {record!r:.40}")
    return record


def _record(text: str, where: str, fields: Collection[str], *, always: Collection[str]) -> dict:
    """Read the text of one record; its fields are texts and measurements."""
    record = _object(text, where)
    for name in [*record, *sorted(set(fields) - set(record))]:
        value, is_text = record.get(name), name in TEXTS
        fits = isinstance(value, str) if is_text else is_measurement(name, value)
        if name not in record or (not fits and (value is not None or name in always)):
            came = f"it is {value!r:.40}" if name in record else "it is not there"
            raise _damaged(f"{'a text' if is_text else wanted(name)} as {name!r:.40} in {where}", came)
    return record


def _damaged(expected: str, came: str) -> CourseError:
    return CourseError(f"Expected {expected}, but {came}; make the run again with `python -m course_lib run`.")
