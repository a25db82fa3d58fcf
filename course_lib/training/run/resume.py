"""Going on with a run that was stopped: only as what it began as, so that it ends with the same numbers."""

import hashlib
import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import nn

from course_lib.training.files import strict_json
from course_lib.training.files.checksums import sha256
from course_lib.training.files.errors import CourseError, NotFiniteError
from course_lib.training.files.write import write_json
from course_lib.training.own_reward import reward_file
from course_lib.training.run.checkpoint import checkpoints
from course_lib.training.run.run_folder import versions
from course_lib.training.settings import RunSettings

CHECKSUM = "checksum"
FILE_OF = "file_of_"


def beginning(settings: RunSettings, models: dict[str, nn.Module | None], *, processes: int) -> dict:
    """All that the numbers of a run follow from: `settings.json` but for the command."""
    began_with = {name: digest(model) for name, model in models.items() if model is not None}
    began_with |= {FILE_OF + name: sha256(path) for name, path in own_files(settings).items()}
    surroundings = {"processes": processes, "threads": torch.get_num_threads(), "versions": versions()}
    return asdict(settings) | surroundings | {"began_with": began_with}


def own_files(settings: RunSettings) -> dict[str, Path]:
    """The files of a student's own that the settings name."""
    given = {"equations": settings.equations, "reward": settings.reward and reward_file(settings.reward)}
    given |= {name: getattr(settings, name) for name in ("prompts", "preferences")}
    return {name: Path(path) for name, path in given.items() if path}


def digest(model: nn.Module) -> str:
    """The first half of the SHA-256 of a model's weights."""
    sha = hashlib.sha256()
    for name, parameter in model.named_parameters():
        sha.update(name.encode())
        sha.update(parameter.detach().cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()[:32]


def write_beginning(folder: Path, content: dict) -> None:
    """Write `settings.json`, with a checksum of what it says: a changed digit would make it another run."""
    write_json(folder / "settings.json", content | {CHECKSUM: checksum(content)})


def checksum(content: dict) -> str:
    """The first half of the SHA-256 of what JSON says, however it is written."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def read_beginning(folder: Path) -> dict:
    """Read `settings.json`.

    Raises:
        CourseError: there is none, or it is damaged.
    """
    path = folder / "settings.json"
    try:
        stored = strict_json.parse(path.read_text(encoding="utf-8"))
        if isinstance(stored, dict) and stored.pop(CHECKSUM, "") == checksum(stored):
            return stored
        reason = "what it says does not fit its checksum"
    except FileNotFoundError:
        reason = "there is no such file"
    except (OSError, ValueError) as error:
        reason = str(error)
    raise CourseError(f"Expected the settings of a run in {path}, but {reason}; begin a new run.")


def read_settings(folder: Path) -> RunSettings:
    """The settings of the run in a folder.

    Raises:
        CourseError: `settings.json` is missing or damaged, or has other settings than this version of the course.
    """
    stored, known = read_beginning(folder), {item.name: item.type for item in fields(RunSettings)}
    for name, kind in known.items():
        value = stored.get(name)
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise CourseError(
                f"Expected {name!r} in {folder / 'settings.json'} to be {kind.__name__}, but it is {value!r:.40}; the "
                "run is from another version of the course or its file is damaged: begin a new run."
            )
    return RunSettings(**{name: stored[name] for name in known})


def use_threads_of(folder: Path) -> None:
    """Compute with as many threads as the run in a folder: how a sum is split decides how it is rounded."""
    threads = read_beginning(folder).get("threads")
    if type(threads) is int and threads > 0:
        torch.set_num_threads(threads)


def refuse_differences(folder: Path, now: dict) -> None:
    """Raise CourseError, which shows the differences, where a run did not begin as `now` says."""
    stored = flat(read_beginning(folder))
    differences = [
        f"the file of its {name.removeprefix(FILE_OF)} has changed"
        if name.startswith(FILE_OF)
        else f"{name} is {stored.get(name, 'not there')!r} there and {value!r} here"
        for name, value in flat(now).items()
        if stored.get(name, "not there") != value
    ]
    if differences:
        raise CourseError(
            f"Expected to go on with the run in {folder} as it began, but {'; '.join(differences)}; "
            "change that back, or begin a new run with another --out."
        )


@contextmanager
def telling_how_to_go_on(folder: Path | None) -> Iterator[None]:
    """Say what is left of a run that Ctrl-C, a full disk or a number that is not finite has stopped."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(*[f"Go on with: {resume_command(folder)}"] if folder else []) from None
    except NotFiniteError as error:
        last = checkpoints(folder / "checkpoints")[:1] if folder else []
        raise NotFiniteError(f"{error} The last good checkpoint is {last[0] if last else 'the start'}.") from None
    except (OSError, SafetensorError) as error:
        raise CourseError(
            f"Expected to write to {folder}, but that failed ({error}); make room, then go on with: "
            f"{resume_command(folder)}"
        ) from None


def flat(nested: dict) -> dict:
    """Put the entries of inner dictionaries beside the others."""
    inner = [value for value in nested.values() if isinstance(value, dict)]
    outer = {name: value for name, value in nested.items() if not isinstance(value, dict)}
    return {name: value for part in [outer, *inner] for name, value in part.items()}


def resume_command(folder: Path) -> str:
    """The command that goes on with a run, to be pasted into this system's shell."""
    quoted = f'"{folder}"' if sys.platform == "win32" else shlex.quote(str(folder))
    return f"python -m course_lib run --resume {quoted}"
