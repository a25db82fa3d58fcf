"""A reward that a student wrote, in the reward model's place: any function from texts to numbers."""

import copy
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_stack

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.training.files.errors import CourseError
from course_lib.training.own_equations import file_name, file_of, place, run_file, said
from course_lib.training.reward_model import RewardModel
from course_lib.training.scorer import TextScorer

FORM = "FILE.py:FUNCTION"
LARGEST = torch.finfo(torch.float32).max  # scores are kept so
SLOW = 10.0  # seconds in one call, after which it is told where they go


def print_error(sentence: str) -> None:
    """Say something beside the progress bar."""
    print(sentence, file=sys.stderr)


class OwnReward:
    """A function from a list of texts to as many numbers, on a scale that gain and bias set.

    The numbers may come as a list, a tuple, an array or a tensor. What is wrong with the function, or with what it
    returns, is a CourseError; that it is slow is told, once, by `tell`.
    """

    def __init__(self, function: Callable, *, tell: Callable[[str], None] = print_error):
        self.function, self.tell = function, tell
        self.gain, self.bias = 1.0, 0.0
        self.has_told_of_slowness = False

    @property
    def name(self) -> str:
        """The function, and where it is written: `your my_reward (rules.py, line 3)`."""
        name = getattr(self.function, "__name__", type(self.function).__name__).strip("<>")
        code, file = getattr(self.function, "__code__", None), file_of(self.function)
        return f"your {name} ({file_name(file)}, line {code.co_firstlineno})" if code else f"your {name}"

    @torch.no_grad()
    def score(self, texts: Sequence[str]) -> Float[Tensor, " texts"]:
        """One score for each text.

        Raises:
            CourseError: the function stops, changes its texts, or returns something else than a number for each.
        """
        given = list(texts)
        with self.telling_of_slowness(len(given)):
            answer = self.call(given)
        if len(given) != len(texts) or any(one is not other for one, other in zip(given, texts, strict=True)):
            raise CourseError(f"Expected the texts as they were after {self.name}, but it changes its list; copy it.")
        return self.gain * torch.tensor(self.numbers(answer, texts)) + self.bias

    def call(self, texts: list[str]) -> object:
        """What the function returns."""
        try:
            return self.function(texts)
        except NotImplementedError:
            raise CourseError(f"Expected a number for each text from {self.name}, but it is not written yet.") from None
        except (Exception, SystemExit) as error:
            where = place(error, file_of(self.function))
            raise CourseError(
                f"Expected a number for each text from {self.name}, but {where} stops with {said(error)}; mend it."
            ) from None

    def numbers(self, answer: object, texts: Sequence[str]) -> list[float]:
        """The numbers that a function returned, checked one by one; a tensor's and an array's become Python's own."""
        answer = as_list(answer)
        if not isinstance(answer, list):
            came = f"a value of type {type(answer).__name__} came"
            raise CourseError(f"Expected a list of {len(texts)} numbers from {self.name}, but {came}; return a list.")
        if len(answer) != len(texts):
            came = f"{len(answer)} came"
            raise CourseError(
                f"Expected a number for each of {len(texts)} texts from {self.name}, but {came}; return one for each."
            )
        for number, text in zip(answer, texts, strict=True):
            if type(number) not in (int, float) or not abs(number) <= LARGEST:
                raise CourseError(
                    f"Expected finite numbers from {self.name}, but {number!r:.40} came for the text {text!r:.60}; "
                    "return a number such as 1.0."
                )
        return [float(number) for number in answer]

    @contextmanager
    def telling_of_slowness(self, count: int) -> Iterator[None]:
        """Tell, while a call goes on for long, which line of the function it is in."""
        timer = threading.Timer(SLOW, self.tell_of_slowness, [threading.get_ident(), count])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def tell_of_slowness(self, thread: int, count: int) -> None:
        """Say in which line the call of that thread is; once."""
        if self.has_told_of_slowness:
            return
        self.has_told_of_slowness = True
        file, frame = file_of(self.function), sys._current_frames().get(thread)
        lines = [line for frame, line in walk_stack(frame) if Path(frame.f_code.co_filename) == file]
        where = f"{file_name(file)}, line {lines[0]}" if lines else "what it calls"
        self.tell(
            f"Expected a score within seconds from {self.name}, but after {SLOW:g} s with {count} texts it is still in "
            f"{where}; each step asks it again: wait, or stop and make it faster. (This is said once.)"
        )


def own_reward(reward: object, *, tell: Callable[[str], None] = print_error) -> TextScorer:
    """A function, or whatever has a `score(texts)`, as a reward to be pleased; of a RewardModel a copy.

    Raises:
        CourseError: it is neither.
    """
    if isinstance(reward, OwnReward):
        return reward
    if isinstance(reward, RewardModel):
        return copy.deepcopy(reward)  # gain and bias will be others
    function = reward.score if isinstance(reward, TextScorer) else reward
    if not callable(function):
        raise CourseError(
            f"Expected a reward that takes a list of texts and returns numbers, but {function!r:.60} came; give a "
            "function."
        )
    return OwnReward(function, tell=tell)


def read_reward(given: str) -> TextScorer:
    """The reward that FILE.py:FUNCTION names.

    Raises:
        CourseError: it is not of that form, there is no such file, the file stops, or has no such function.
    """
    path, _, name = given.rpartition(":")
    if not path or not name.isidentifier():
        raise CourseError(f"Expected --reward as {FORM}, got {given!r}; put a colon and the function's name behind it.")
    module = run_file(Path(path), what="a reward")
    if name not in vars(module):
        written = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
        has = f"it has {', '.join(written)}" if written else "it has none"
        raise CourseError(f"Expected a function {name} in {path}, but {has}; check the name.")
    return own_reward(getattr(module, name))


def reward_file(given: str) -> Path:
    """The file of FILE.py:FUNCTION."""
    return Path(given.rpartition(":")[0])


def as_list(answer: object) -> object:
    """A tuple, an array, a tensor or a column as a list of Python's own numbers; anything else as it is."""
    if hasattr(answer, "tolist"):
        return answer.tolist()
    if isinstance(answer, list | tuple):
        return [number.tolist() if hasattr(number, "tolist") else number for number in answer]
    return answer
