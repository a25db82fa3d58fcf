"""Read what a run of `python -m course_lib run` left in its folder."""

import json
from dataclasses import dataclass
from pathlib import Path

from course_lib.classroom.curves import PANELS
from course_lib.training.errors import CourseError

NUMBER = (int, float)
MAYBE = (int, float, type(None))  # not everything can be measured at every step
MEASURED = ("score", "kl", "response_length", "eos_share", "distinct_2", "top_word_share")
SUMMARY = (
    {f"{name}_{when}": NUMBER for name in MEASURED for when in ("before", "after")}
    | {"steps": NUMBER, "seconds": NUMBER}
    | {"judge_before": MAYBE, "judge_after": MAYBE, "degrades_at": MAYBE}
)
METRICS = {line.metric: MAYBE for panel in PANELS for line in panel.lines} | {"step": NUMBER, "kl_coef": NUMBER}
SAMPLE = {"prompt": str, "before": str, "after": str} | {
    f"{name}_{when}": MAYBE for name in ("score", "judge") for when in ("before", "after")
}
Fields = dict[str, type | tuple[type, ...]]


@dataclass(frozen=True)
class RecordedRun:
    """A finished run: one record a step, figures on held-out prompts, texts before and after, and all settings."""

    metrics: list[dict]
    summary: dict
    samples: list[dict]
    settings: dict


def read_run(folder: Path) -> RecordedRun:
    """Read `metrics.jsonl`, `summary.json`, `samples.jsonl` and `settings.json`.

    Raises:
        CourseError: a file is missing, is not JSON, or lacks a field.
    """
    return RecordedRun(
        metrics=_lines(folder / "metrics.jsonl", METRICS),
        summary=_parse(_read(folder / "summary.json"), SUMMARY, str(folder / "summary.json")),
        samples=_lines(folder / "samples.jsonl", SAMPLE),
        settings=_parse(_read(folder / "settings.json"), {}, str(folder / "settings.json")),
    )


def _lines(path: Path, fields: Fields) -> list[dict]:
    lines = _read(path).splitlines()
    if not lines:
        raise _damaged(f"a record on each line of {path}", "it is empty")
    return [_parse(line, fields, f"line {number} of {path}") for number, line in enumerate(lines, start=1)]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise _damaged(f"the file {path}", "it is not there") from None
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(f"to read {path}", f"it cannot be read ({error})") from None


def _parse(text: str, fields: Fields, where: str) -> dict:
    try:
        record = json.loads(text, parse_constant=lambda _: None)  # NaN is no measurement
    except ValueError as error:
        raise _damaged(f"JSON in {where}", f"it holds something else ({error})") from None
    if not isinstance(record, dict):
        raise _damaged(f"a JSON object in {where}", f"it holds {record!r:.40}")
    for name, types in fields.items():
        if name not in record or not isinstance(record[name], types):
            came = f"it is {record[name]!r:.40}" if name in record else "it is not there"
            raise _damaged(f"{'a text' if types is str else 'a number'} as {name!r} in {where}", came)
    return record


def _damaged(expected: str, came: str) -> CourseError:
    return CourseError(f"Expected {expected}, but {came}; make the run again with `python -m course_lib run`.")
