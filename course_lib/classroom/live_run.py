"""A PPO run that is advanced one step at a time, with the same held-out prompts continued after each step."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch

from course_lib.classroom.words import number
from course_lib.training.experiments.recordings import Recording, load_recording, records_of
from course_lib.training.files.errors import CourseError
from course_lib.training.files.paths import REWARD_MODEL
from course_lib.training.method import Method
from course_lib.training.record import LOOKING_ON, Record
from course_lib.training.reward_model import load_reward_model
from course_lib.training.scorer import TextScorer
from course_lib.training.settings import RunSettings
from course_lib.training.setup import Setup
from course_lib.training.texts import SIGNS, degrades_at

SHOWN_TEXTS = 6


class LiveRun:
    """PPO as far as it has come: `records`, and `before` and `now`, the held-out texts with their scores.

    Its `settings` may be changed between two steps. Models are loaded at the first step. With a `reward` to please in
    its place, the reward model looks on.
    """

    def __init__(
        self, settings: RunSettings, *, method: Method | None = None, reward: TextScorer | Callable | None = None
    ):
        self.settings = settings
        self.method = method
        self.reward = reward
        self.records: list[Record] = []
        self.before: list[dict] = []
        self.now: list[dict] = []
        self.one_at_a_time = threading.Lock()
        self.training: Iterator[Record] | None = None

    def step(self) -> Record | None:
        """Train for one step and return its record, or None where all steps are done.

        Raises:
            CourseError: the weights of the policy are no longer finite.
        """
        with self.one_at_a_time:
            if self.training is None:
                self._load()
            vars(self.steered).update(vars(self.settings))  # what is moved during a step holds from the next one on
            record = next(self.training, None)
            if record is None:
                return None
            self.records.append(record | {"clip_eps": self.steered.clip_eps})
            if not all(torch.isfinite(parameter).all() for parameter in self.setup.policy.parameters()):
                raise CourseError(
                    f"Expected finite weights after step {record['step']}, but some are NaN: the training has blown "
                    "up; lower the learning rate and press Reset."
                )
            _, self.now = self.setup.evaluate(self.scorer, prompts=SHOWN_TEXTS)
            return self.records[-1]

    def _load(self) -> None:
        self.steered = replace(self.settings)
        self.setup = Setup(self.steered)
        reward_model = load_reward_model(self.settings.reward_model or REWARD_MODEL, device=self.setup.device)
        self.scorer = self.setup.scorer(reward_model, reward=self.reward)
        _, self.before = self.setup.evaluate(self.scorer, prompts=SHOWN_TEXTS)
        self.now = self.before
        self.training = self.setup.records(self.scorer, method=self.method)


def describe(records: Sequence[Record], steps: int) -> str:
    """Say in one sentence how a run stands."""
    if not records:
        return ""
    last, worse = records[-1], degrades_at(list(records))
    texts = f"first sign of degrading texts at step {worse} ({SIGNS})" if worse else "no sign of degrading texts"
    people = f"people’s reward model {number(last[LOOKING_ON])} sd, " if LOOKING_ON in last else ""
    return (
        f"Step {last['step']} of {steps}: score {number(last['score'])} sd, {people}"
        f"KL {number(last['kl'], '{:z.1f}')} nats, judge {number(last['judge'])}; {texts}."
    )


def recorded_runs() -> dict[float, Recording]:
    """The recorded runs that differ from the default in their KL coefficient alone, by it: of each the first seed."""
    runs = [run for run in load_recording("kl_coef") if run.seed == RunSettings().seed]
    return {run.changes["kl_coef"]: run for run in runs}


def default_run() -> list[Record]:
    """The recorded run whose settings are all defaults."""
    return records_of(recorded_runs()[RunSettings().kl_coef])
