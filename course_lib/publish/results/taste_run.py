"""PPO toward the taste of a class, and what it then writes beside what PPO wrote toward the crowd's."""

from collections.abc import Iterator
from dataclasses import dataclass

from course_lib.training.experiments.recordings import load_recording
from course_lib.training.record import Record
from course_lib.training.reward_model import RewardModel, crowd_model
from course_lib.training.scorer import Scorer
from course_lib.training.settings import RunSettings
from course_lib.training.setup import Setup

RECORDED, DEFAULT = "nats", "default"  # the recorded run toward the crowd's taste


@dataclass(frozen=True)
class Said:
    """A text, how the class's model scores it, and how the crowd's, both in standard deviations before training."""

    text: str
    room: float
    crowd: float


@dataclass(frozen=True)
class Written:
    """What a prompt becomes before training, toward the crowd's taste and toward the class's."""

    prompt: str
    before: Said
    for_crowd: Said
    for_room: Said


class TasteRun:
    """A training toward a class's taste: `records` yields one record a step, `written` compares the texts."""

    def __init__(self, room: RewardModel, settings: RunSettings | None = None):
        self.setup = Setup(settings or RunSettings(evaluation_prompts=32))
        self.scorer = self.setup.scorer(crowd_model(), reward=room)

    def records(self) -> Iterator[Record]:
        """Train the policy, with PPO's default settings."""
        yield from self.setup.records(self.scorer)

    def written(self) -> list[Written]:
        """The held-out prompts of the recorded run, as they were continued there and as the policy does now."""
        recorded = next(run for run in load_recording(RECORDED) if run.name == DEFAULT and run.seed == 0)
        _, now = self.setup.evaluate(self.scorer)
        texts = {row["prompt"]: row["text"] for row in now}
        samples = [sample for sample in recorded.samples if sample["prompt"] in texts]
        columns = [[row["before"] for row in samples], [row["after"] for row in samples]]
        columns.append([texts[row["prompt"]] for row in samples])
        said = [said_of(self.scorer, column) for column in columns]
        return [Written(row["prompt"], *each) for row, *each in zip(samples, *said, strict=True)]


def said_of(scorer: Scorer, texts: list[str]) -> list[Said]:
    """What both models say of some texts."""
    (crowd,) = scorer.onlookers.values()
    return [
        Said(text, room.item(), people.item())
        for text, room, people in zip(texts, scorer.reward_model.score(texts), crowd.score(texts), strict=True)
    ]
