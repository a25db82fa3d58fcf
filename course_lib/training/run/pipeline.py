"""The whole run: ratings, reward model, PPO, and the folder that tells what happened."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

from course_lib.training.files.errors import CourseError
from course_lib.training.method import Method
from course_lib.training.record import Record
from course_lib.training.run.ppo_stage import ppo_stage
from course_lib.training.run.resume import (
    beginning,
    refuse_differences,
    telling_how_to_go_on,
    use_threads_of,
    write_beginning,
)
from course_lib.training.run.reward_stage import reward_model_stage, start_reward_model
from course_lib.training.run.run_folder import locked, new_run_folder
from course_lib.training.run.team import find_team
from course_lib.training.settings import STAGES, RunSettings
from course_lib.training.setup import Setup


def run_pipeline(
    settings: RunSettings,
    *,
    command: str,
    started: float,
    resume: Path | None = None,
    method: Method | None = None,
) -> Iterator[Record]:
    """Run the stages of `settings.steps` but for the report, yielding one record a step with its stage and folder.

    Everything is loaded and checked before the run folder is made. `resume` is the folder of a run that was stopped:
    it goes on from its last checkpoint to the numbers that it would have reached. `method` is PPO() unless another is
    given. `started` is a time.perf_counter().

    Raises:
        CourseError: a setting, the data, a model, the device or the folder is not as it should be, or the training
            has blown up.
    """
    stages, team = read_stages(settings.steps), find_team(settings.device)
    setup = Setup(settings, team=team) if "ppo" in stages else None
    reward_model = start_reward_model(settings, stages)
    models = {"policy": setup and setup.policy.lm, "reward_model": reward_model}
    if resume:
        use_threads_of(resume)
        refuse_differences(resume, beginning(settings, models, processes=team.size))
    folder = resume or (new_run_folder(settings.out) if team.rank == 0 else None)
    with locked(folder) if team.rank == 0 else nullcontext(), telling_how_to_go_on(folder):
        if not resume and team.rank == 0:
            write_beginning(folder, {"command": command} | beginning(settings, models, processes=team.size))
        if "reward-model" in stages:
            reward_model = yield from reward_model_stage(reward_model, settings, folder, team)
        if setup:
            yield from ppo_stage(setup, reward_model, folder, started=started, method=method)


def read_stages(steps: str) -> list[str]:
    """Split the list of stages; raises CourseError where one is unknown, repeated or out of order."""
    stages = [stage.strip() for stage in steps.split(",")]
    known = [stage for stage in STAGES if stage in stages]
    if stages != known:
        raise CourseError(f"Expected --steps to name stages out of {','.join(STAGES)}, in this order, got {steps!r}.")
    return stages
