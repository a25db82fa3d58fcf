"""What the judge makes of what a student's process says: errors raised again, mistakes by their names."""

import builtins
import re

from course_lib.classroom.exercises import loop_symptoms, ppo_symptoms
from course_lib.classroom.exercises.patience import Endless
from course_lib.publish.results.confine import Refused
from course_lib.publish.results.pupil import Ours
from course_lib.publish.results.wire import Gone, Late, unpack

OURS = {"Ours": Ours, "Endless": Endless}


def raise_from(answer: dict) -> None:
    """Raise what the student's code raised, as it would have been raised here; nothing if it did not."""
    if "error" not in answer:
        return
    said = answer["error"]
    name, says = str(said["name"]), str(said["says"])
    if said["kind"] == Refused.__name__:
        raise Gone(says)
    error = OURS.get(said["kind"], getattr(builtins, str(said["kind"]), Exception))
    if not (isinstance(error, type) and issubclass(error, Exception)) or error is Exception:
        error = type(name, (Exception,), {"__module__": "builtins"})
    try:
        error = error(says)
    except TypeError:  # one that is not made of a sentence
        error = type(name, (Exception,), {"__module__": "builtins"})(says)
    error.line, error.in_loss = str(said["line"]), bool(said["in_loss"])
    if answer.get("trace") is not None:
        error.trace = unpack(answer["trace"])
    raise error


def mistake_in(says: str, exercise: object) -> str:
    """The name of the mistake that a check tells of, by which those of a class are counted."""
    first = says.partition("\n")[0].removeprefix("Not yet: ").removeprefix("with this input it looks as if ")
    for mistake in (*getattr(exercise, "mistakes", []), *loop_symptoms.SYMPTOMS, *ppo_symptoms.SYMPTOMS):
        if first == f"{mistake.name}. {mistake.hint}":
            return mistake.name
    return re.split(r"[:.](?: |$)", first)[0].removeprefix("your function ")


def why(error: BaseException) -> str:
    """Why nothing came of a student's process."""
    return "it does not end" if isinstance(error, Late) else str(error) or "its process has ended"
