"""One contender of the race, in a process of its own: `python -m course_lib.bench.contender NAME SETTINGS`.

NAME is ours-shared, ours-separate or trl; SETTINGS are, as JSON, the settings of a run that differ from the defaults.
The process loads everything and says so, then answers each line that it reads: one PPO iteration a line, and after the
last iteration what the policy became, each as one line of JSON.
"""

import argparse
import json
import os
import sys

from transformers.utils import logging

from course_lib.bench.turns import Turns
from course_lib.training.files.entry_point import entry_point
from course_lib.training.files.paths import REWARD_MODEL
from course_lib.training.language_model import peak_memory_gb
from course_lib.training.reward_model import load_reward_model
from course_lib.training.scorer import Scorer
from course_lib.training.settings import RunSettings
from course_lib.training.setup import Setup


def parameters(setup: Setup, scorer: Scorer) -> dict[str, int]:
    """How many numbers each network has; `policy` counts the value head and the value network too."""
    networks = {"policy": setup.policy, "lm": setup.policy.lm, "reward_model": scorer.reward_model}
    return {name: sum(tensor.numel() for tensor in network.parameters()) for name, network in networks.items()}


@entry_point
def main(arguments: list[str] | None = None) -> None:
    """Be one contender from the first line read to the last."""
    parser = argparse.ArgumentParser(prog="python -m course_lib.bench.contender", description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=("ours-shared", "ours-separate", "trl"))
    parser.add_argument("settings", type=json.loads, help="JSON: those that differ from the defaults")
    asked = parser.parse_args(arguments)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    logging.set_verbosity_error()
    turns = Turns(sys.stdin, answers)
    settings = RunSettings(
        **asked.settings | {"value_network": "policy" if asked.name == "ours-shared" else "separate"}
    )
    setup = Setup(settings)
    scorer = setup.scorer(load_reward_model(settings.reward_model or REWARD_MODEL, device=setup.device))
    if asked.name == "trl":
        from course_lib.bench.trl_ppo import train
    else:
        train = train_ours
    turns.answer({"parameters": parameters(setup, scorer), "prompt_length": setup.training_prompts.shape[1]})
    train(setup, scorer, turns)
    peak = peak_memory_gb(setup.device)
    turns.wait()
    held_out, _ = setup.evaluate(scorer)
    turns.answer(held_out | {"peak_memory_gb": peak})


def train_ours(setup: Setup, scorer: Scorer, turns: Turns) -> None:
    """Do one iteration of our loop for each request."""
    records = setup.records(scorer)
    for _ in range(setup.settings.iterations):
        turns.wait()
        turns.answer(next(records))


if __name__ == "__main__":
    sys.exit(main())
