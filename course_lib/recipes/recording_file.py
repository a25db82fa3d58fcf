"""The file of a recorded experiment, `data/runs/EXPERIMENT.json`: one run a line, so that a recording can go on."""

import json
from collections.abc import Sequence
from pathlib import Path

from course_lib.training.files.errors import CourseError
from course_lib.training.files.write import write_text
from course_lib.training.record import Record
from course_lib.training.run.run_folder import versions

DIGITS = 4  # significant ones


class RecordingFile:
    """The runs of an experiment in its file, which is written anew with each run that is added."""

    def __init__(self, path: Path, experiment: str, settings: dict):
        """Read what the file holds already. CourseError as in `recorded_runs`."""
        self.path = path
        self.head = {"made_with": command(experiment), "settings": settings, "versions": versions()}
        self.runs = recorded_runs(path, self.head)

    def lacks(self, name: str, seed: int) -> bool:
        """Tell whether a run is still to be made."""
        return (name, seed) not in {(run["name"], run["seed"]) for run in self.runs}

    def add(self, name: str, seed: int, changes: dict, made: dict) -> None:
        """Add a run with what was made of it, and write the file."""
        self.runs.append({"name": name, "seed": seed, "changes": changes} | made)
        write_recording(self.path, self.head, self.runs)


def recorded_runs(path: Path, head: dict) -> list[dict]:
    """The runs that a file holds already, none where there is no file.

    Raises:
        CourseError: they were made with other settings.
    """
    if not path.is_file():
        return []
    recording = json.loads(path.read_text(encoding="utf-8"))
    if recording["settings"] != head["settings"]:
        raise CourseError(f"Expected runs with the settings of the recipe in {path}, found others; delete it.")
    return recording["runs"]


def write_recording(path: Path, head: dict, runs: Sequence[dict]) -> None:
    """Write a recording, whole or not at all, with one run a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items()]
    rows = ",\n".join(json.dumps(rounded(run), ensure_ascii=False) for run in runs)
    write_text(path, "{" + "".join(lines) + '"runs": [\n' + rows + "\n]}\n")


def columns(records: Sequence[Record], *, seconds: bool = False) -> dict[str, list]:
    """One list a metric; those that are seconds of this machine only if asked for."""
    names = [name for name in records[0] if seconds or not name.endswith("seconds")]
    return {name: [record[name] for record in records] for name in names}


def rounded(value: object) -> object:
    """Round every number inside to four significant digits."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def command(name: str) -> str:
    """The command that records an experiment."""
    return f"python -m course_lib.recipes.record {name}"
