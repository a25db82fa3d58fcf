"""The whole run: ratings, reward model, PPO, and the folder that tells what happened."""

import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

from course_lib.training.equations import Equations, without_parts
from course_lib.training.files.errors import CourseError
from course_lib.training.own_equations import own, read_equations
from course_lib.training.ppo import PPO
from course_lib.training.record import Record
from course_lib.training.run.ppo_stage import ppo_stage
from course_lib.training.run.resume import (
    beginning,
    refuse_differences,
    telling_how_to_go_on,
    use_threads_of,
    write_beginning,
)
from course_lib.training.run.reward_stage import read_preferences, reward_model_stage, start_reward_model
from course_lib.training.run.run_folder import locked, new_run_folder
from course_lib.training.run.team import find_team
from course_lib.training.settings import STAGES, RunSettings, flag
from course_lib.training.setup import Setup

OF_RELATIVES = ("reinforce_", "rloo_", "grpo_", "dr_grpo_", "dpo_")  # equations that PPO does not climb by
READ_BY = {"reward": "ppo", "prompts": "ppo", "preferences": "reward-model"}  # which stage a file of the user's is for
BRADLEY_TERRY = "bradley_terry_loss"  # the equation of the stage reward-model


def run_pipeline(
    settings: RunSettings,
    *,
    command: str,
    started: float,
    resume: Path | None = None,
) -> Iterator[Record]:
    """Run the stages of `settings.steps` but for the report, yielding one record a step with its stage and folder.

    Everything is loaded and checked before the run folder is made. `resume` is the folder of a run that was stopped:
    it goes on from its last checkpoint to the numbers that it would have reached. `started` is a
    time.perf_counter().

    Raises:
        CourseError: a setting, the data, a model, the device or the folder is not as it should be, or the training
            has blown up.
    """
    stages, team = read_stages(settings.steps), find_team(settings.device)
    require_stages(settings, stages)
    equations = equations_of(settings, tell=team.rank == 0)
    setup = Setup(settings, team=team) if "ppo" in stages else None
    reward_model = start_reward_model(settings, stages)
    preferences = read_preferences(reward_model, settings, tell=team.rank == 0) if reward_model else None
    models = {"policy": setup and setup.policy.lm, "reward_model": reward_model}
    if resume:
        use_threads_of(resume)
        refuse_differences(resume, beginning(settings, models, processes=team.size))
    folder = resume or (new_run_folder(settings.out) if team.rank == 0 else None)
    with locked(folder) if team.rank == 0 else nullcontext(), telling_how_to_go_on(folder):
        if not resume and team.rank == 0:
            write_beginning(folder, {"command": command} | beginning(settings, models, processes=team.size))
        if "reward-model" in stages:
            loss = equations.get(BRADLEY_TERRY)
            options = {"loss": loss, "preferences": preferences}
            reward_model = yield from reward_model_stage(reward_model, settings, folder, team, **options)
        if setup:
            yield from ppo_stage(setup, reward_model, folder, started=started, method=PPO().replaced(equations))


def equations_of(settings: RunSettings, *, tell: bool) -> dict[str, Callable]:
    """The functions of the file that the settings name, none without one; says on the error output which they are."""
    if not settings.equations:
        return {}
    path, known = Path(settings.equations), {name for name in Equations.names() if not name.startswith(OF_RELATIVES)}
    if "reward-model" in read_stages(settings.steps):
        known |= {BRADLEY_TERRY}
    equations = without_parts(read_equations(path, known=known))
    if tell:
        print(f"From {path}: {', '.join(equations)}.", file=sys.stderr)
    return {name: own(name, function) for name, function in equations.items()}


def require_stages(settings: RunSettings, stages: list[str]) -> None:
    """Raise CourseError where a setting names a file of the user's that no stage would read."""
    for name, stage in READ_BY.items():
        if getattr(settings, name) and stage not in stages:
            known = ",".join(known for known in STAGES if known in {*stages, stage})
            raise CourseError(
                f"Expected the stage {stage} with {flag(name)}, got --steps {settings.steps}; add --steps {known}."
            )


def read_stages(steps: str) -> list[str]:
    """Split the list of stages; raises CourseError where one is unknown, repeated or out of order."""
    stages = [stage.strip() for stage in steps.split(",")]
    known = [stage for stage in STAGES if stage in stages]
    if stages != known:
        raise CourseError(f"Expected --steps to name stages out of {','.join(STAGES)}, in this order, got {steps!r}.")
    return stages
