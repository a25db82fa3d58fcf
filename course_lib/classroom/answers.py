"""What a student predicted, kept in one file beside the notebooks: a JSON object a line, lines are only added."""

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from course_lib.training.files import strict_json
from course_lib.training.files.errors import CourseError
from course_lib.training.files.write import append_line

ANSWERS = Path("my_answers.jsonl")  # in the folder of the notebook that runs


@dataclass(frozen=True)
class Answer:
    """The letter that was chosen as the answer to a question, and when (ISO 8601, with the offset from UTC)."""

    question: str
    choice: str
    time: str

    @property
    def clock(self) -> str:
        """The day and the minute, as a student reads them."""
        return f"{datetime.fromisoformat(self.time):%Y-%m-%d %H:%M}"


def add_answer(question: str, choice: str, path: Path = ANSWERS) -> None:
    """Write an answer behind the others, with the time of now. CourseError where the file cannot be written."""
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    try:
        append_line(path, asdict(Answer(question, choice, now)))
    except OSError as error:
        raise CourseError(
            f"Expected to write to {path}, but that failed ({error.strerror}); work where you may write to it."
        ) from None


def read_answers(question: str, path: Path = ANSWERS) -> list[Answer]:
    """Read the answers to a question, the oldest first, which is the one that counts; none where there is no file.

    CourseError where the file cannot be read, or a line of it is no answer.
    """
    if not path.exists():
        return []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"Expected answers in {path}, but reading failed ({error}); move the file away.") from None
    answers = [_parse(line, f"line {number} of {path}") for number, line in enumerate(lines, start=1)]
    return [answer for answer in answers if answer.question == question]


def _parse(line: str, where: str) -> Answer:
    try:
        answer = Answer(**strict_json.parse(line))
        datetime.fromisoformat(answer.time)
        if isinstance(answer.question, str) and isinstance(answer.choice, str):
            return answer
    except (TypeError, ValueError):
        pass
    raise CourseError(f"Expected an answer in {where}, but {line[:40]!r} came; delete that line, and run this again.")
