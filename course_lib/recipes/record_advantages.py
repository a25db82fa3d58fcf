"""Record what the notebook on PPO shows of advantages: `data/runs/advantages.json`.

The policy of the course's run after a few steps writes texts; a critic that begins as the reward model, as in Stiennon
et al. 2020 (arXiv:2009.01325, section 3.4), has practised on that policy's texts. Kept are some texts with the reward
and the value of each token, and two beginnings, one token apart, each continued many times.
"""

import argparse
import copy
import json
import sys
from dataclasses import replace
from itertools import islice

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_lib.equations.ppo import explained_variance, value_loss
from course_lib.training.experiments.recorded_advantages import ADVANTAGES
from course_lib.training.files.entry_point import entry_point
from course_lib.training.files.paths import REWARD_MODEL
from course_lib.training.files.write import write_text
from course_lib.training.method import Experience
from course_lib.training.policy import Policy
from course_lib.training.ppo import PPO
from course_lib.training.reward_model import RewardModel, load_reward_model
from course_lib.training.rollout import Rollout
from course_lib.training.run.run_folder import versions
from course_lib.training.scorer import Scorer
from course_lib.training.settings import RunSettings
from course_lib.training.setup import Setup

PPO_STEPS = 6
PRACTICE = 40  # batches
LEARNING_RATE = 1e-4  # at the first batch; it falls linearly to 0
TEXTS = 8
BEGINNING, TOKENS = "This film is a", (" funny", " predictable")
CONTINUATIONS = 192


def record() -> dict:
    """Train, practise, and return what is recorded."""
    setup = Setup(RunSettings())
    scorer = setup.scorer(load_reward_model(REWARD_MODEL))
    for _ in islice(setup.records(scorer), PPO_STEPS):
        pass
    policy = with_new_critic(setup.policy, scorer.reward_model)
    practise(policy, setup, scorer)
    rollout = setup.continue_prompts(setup.test_prompts, setup.generator(5))
    experience, scores = gather(policy, setup, scorer, rollout)
    explained = explained_variance(experience.old_values, experience.returns, experience.response_mask).item()
    print(f"The critic explains {explained:.2f} of the variance of the returns.")
    return {
        "command": "python -m course_lib.recipes.record_advantages",
        "kl_coef": setup.settings.kl_coef,
        "explained_variance": round(explained, 3),
        "texts": [describe_text(setup, experience, scores, row) for row in spread(scores, experience)],
        "beginnings": [describe_beginning(policy, setup, scorer, token) for token in TOKENS],
        "versions": versions(),
    }


def with_new_critic(policy: Policy, reward_model: RewardModel) -> Policy:
    """The same policy with the reward model as its value network: at first, the value of a text is its score so far."""
    trunk = copy.deepcopy(reward_model.lm.transformer)
    policy = Policy(policy.lm, eos_id=policy.eos_id, pad_id=policy.pad_id, value_trunk=trunk)
    policy.value_head = reward_model.scaled_head()
    return policy


def practise(policy: Policy, setup: Setup, scorer: Scorer) -> None:
    """Train the critic alone on fresh texts of the policy: plain squared error to the return that came."""
    parameters = [*policy.value_trunk.parameters(), *policy.value_head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE)
    generator = setup.generator(4)
    for batch in range(PRACTICE):
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1 - batch / PRACTICE)
        chosen = torch.randint(
            len(setup.training_prompts), (setup.settings.batch_size,), generator=generator, device=generator.device
        )
        experience, _ = gather(policy, setup, scorer, setup.continue_prompts(setup.training_prompts[chosen], generator))
        for rows in torch.randperm(setup.settings.batch_size, generator=generator, device=generator.device).chunk(2):
            part = experience.minibatch(rows)
            values = policy(part.token_ids, part.response_mask).values
            loss = value_loss(values, part.old_values, part.returns, part.response_mask, clip_eps=None)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def gather(
    policy: Policy, setup: Setup, scorer: Scorer, rollout: Rollout
) -> tuple[Experience, Float[Tensor, " batch"]]:
    """Score a rollout and work out its experience."""
    scores, settings = scorer.score(rollout), replace(setup.settings, lam=1.0, whiten_advantages=False)
    kl_coef = settings.kl_coef
    experience = PPO().gather(policy, setup.reference, rollout, scores, kl_coef=kl_coef, settings=settings)
    return experience, scores


def spread(scores: Float[Tensor, " batch"], experience: Experience) -> list[int]:
    """Rows of middling length, from the lowest score to the highest in equal steps of rank."""
    lengths = experience.response_mask.sum(dim=1)
    rows = [row for row in scores.argsort().tolist() if 7 <= lengths[row] <= 14]
    return [rows[round(place)] for place in torch.linspace(0, len(rows) - 1, TEXTS).tolist()]


def describe_text(setup: Setup, experience: Experience, scores: Float[Tensor, " batch"], row: int) -> dict:
    """One text, token by token."""
    mask = experience.response_mask[row]
    response_ids = experience.token_ids[row, -len(mask) :][mask]
    prompt_ids = experience.token_ids[row, : -len(mask)]
    return {
        "prompt": setup.tokenizer.decode(prompt_ids, skip_special_tokens=True),
        "tokens": [setup.tokenizer.decode([token]) for token in response_ids],
        "score": round(scores[row].item(), 3),
        "rewards": rounded(experience.rewards[row][mask]),
        "values": rounded(experience.old_values[row][mask]),
    }


def describe_beginning(policy: Policy, setup: Setup, scorer: Scorer, token: str) -> dict:
    """One prompt and one token after it, continued many times: rewards and values from that token on."""
    encode = setup.tokenizer(BEGINNING + token, add_special_tokens=False)["input_ids"]
    prompts = torch.tensor([[setup.tokenizer.bos_token_id, *encode]]).expand(CONTINUATIONS, -1)
    experience, _ = gather(policy, setup, scorer, with_first_token(setup.continue_prompts(prompts, setup.generator(6))))
    rows = list(zip(experience.rewards, experience.old_values, experience.response_mask, strict=True))
    return {
        "prompt": BEGINNING,
        "token": token,
        "rewards": [rounded(rewards[mask]) for rewards, _, mask in rows],
        "values": [rounded(values[mask]) for _, values, mask in rows],
    }


def with_first_token(rollout: Rollout) -> Rollout:
    """Count the last token of the prompts as the first of the responses."""
    first: Int[Tensor, "batch 1"] = rollout.prompt_ids[:, -1:]
    return Rollout(
        rollout.prompt_ids[:, :-1],
        torch.cat([first, rollout.response_ids], dim=1),
        torch.cat([torch.ones_like(first, dtype=torch.bool), rollout.response_mask], dim=1),
        rollout.ended,
    )


def rounded(numbers: Float[Tensor, " tokens"]) -> list[float]:
    """Three digits after the point are more than a picture shows."""
    return [round(number, 3) for number in numbers.tolist()]


@entry_point
def main(arguments: list[str] | None = None) -> None:
    """Record the rollouts."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args(arguments)
    ADVANTAGES.parent.mkdir(exist_ok=True)
    write_text(ADVANTAGES, json.dumps(record(), ensure_ascii=False) + "\n")
    print(f"Wrote {ADVANTAGES}")


if __name__ == "__main__":
    sys.exit(main())
