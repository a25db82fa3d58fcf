"""The check of PPO's loop: what it did on a small language names its mistake, then it must find the best policy."""

from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_lib.classroom.exercises.ppo_symptoms import symptom
from course_lib.classroom.exercises.ppo_trace import SETTINGS, Endless, Trace, run
from course_lib.classroom.exercises.refusals import stopped
from course_lib.equations.advantages import gae, kl_shaped_rewards, whiten
from course_lib.equations.optimum import optimal_policy
from course_lib.equations.ppo import policy_loss, value_loss
from course_lib.training.experiments.toy_language import (
    PROMPTS,
    ToyTask,
    text_probabilities,
    total_variation,
    toy_settings,
)
from course_lib.training.rollout import Rollout, penalised, sample
from course_lib.training.settings import PPOSettings

NEAR = 0.02  # total variation from the best policy
KL_COEF = 0.5
INPUT = f"{SETTINGS.iterations} steps of {SETTINGS.batch_size} texts on a language of four words"


def train_ppo(
    policy: nn.Module,
    reference: nn.Module,
    prompts: Int[Tensor, "prompts prompt_len"],
    score: Callable[[Rollout], Float[Tensor, " batch"]],
    *,
    settings: PPOSettings,
    generator: torch.Generator,
) -> list[float]:
    """Train a policy in place, and give the mean score of each step's texts."""
    size, temperature = settings.batch_size, settings.temperature
    optimizer = torch.optim.Adam(policy.parameters(), lr=settings.learning_rate, eps=settings.adam_eps)
    means = []
    for step in range(settings.iterations):
        optimizer.param_groups[0]["lr"] = settings.learning_rate * (1 - step / settings.iterations)
        chosen = prompts[torch.randint(len(prompts), (size,), generator=generator)]
        length = settings.response_len
        rollout = sample(policy, chosen, response_len=length, temperature=temperature, generator=generator)
        ids, mask, scores = rollout.token_ids, rollout.response_mask, score(rollout)
        with torch.no_grad():
            old, ref = (model(ids, mask, temperature=temperature) for model in (policy, reference))
        paid = penalised(scores, rollout, settings.missing_eos_penalty)
        rewards = kl_shaped_rewards(paid, old.logprobs, ref.logprobs, mask, kl_coef=settings.kl_coef)
        advantages = gae(rewards, old.values, mask, gamma=settings.gamma, lam=settings.lam)
        returns, whitened = advantages + old.values, whiten(advantages, mask)
        for _ in range(settings.epochs):
            for rows in torch.randperm(size, generator=generator).chunk(settings.minibatches):
                new = policy(ids[rows], mask[rows], temperature=temperature)
                loss = policy_loss(new.logprobs, old.logprobs[rows], whitened[rows], mask[rows])
                loss += settings.vf_coef * value_loss(new.values, old.values[rows], returns[rows], mask[rows])
                optimizer.zero_grad()
                loss.backward()
                if settings.max_grad_norm:
                    nn.utils.clip_grad_norm_(policy.parameters(), settings.max_grad_norm)
                optimizer.step()
        means.append(scores.mean().item())
    return means


def ppo_verdict(function: Callable) -> str:
    """Say whether a student's loop does what PPO does and finds the best policy, or which mistake it makes."""
    try:
        trace = run(function)
    except Endless as error:
        return refused("the loop does not end", "It was stopped: what its condition asks must change.", error.trace)
    except Exception as error:
        if not isinstance(error, NotImplementedError) and (named := symptom(error.trace, stopped_early=True)):
            return refused(named.name, named.hint, error.trace)
        return stopped(function, error, {}).replace("  input:    ", f"  input:    {INPUT}")
    if named := symptom(trace):
        return refused(named.name, named.hint, trace)
    if not right_means(trace):
        return refused("the mean scores are not what is returned", "A list of one number a step: scores.mean().", trace)
    apart = distance(function)
    if apart > NEAR and torch.equal(trace.policy.values, trace.begun_with[0][1]):
        return refused("the values never learn", "Add settings.vf_coef times the value loss to the loss.", trace)
    if apart > NEAR:
        return refused(
            f"it ends {apart:.2f} from the best policy (total variation)",
            f"Every part is there, and yet on a language of 64 texts ours comes within {NEAR}: look at what climbs.",
            trace,
        )
    return f"Passed: on a language of 64 texts it ends {apart:.3f} from the best policy of all (total variation)."


def right_means(trace: Trace) -> bool:
    """Whether the mean score of each step was returned."""
    try:
        means = torch.tensor([float(mean) for mean in trace.returned])
    except (TypeError, ValueError):
        return False
    return len(means) == len(trace.scores) and torch.allclose(means, torch.tensor(trace.scores), atol=1e-4)


def distance(loop: Callable) -> float:
    """The total variation from the best policy, after a loop has trained on the enumerated language."""
    task = ToyTask.draw(torch.Generator().manual_seed(0))
    # slow steps, so that a rate that does not fall comes as near
    policy, settings = task.policy(), replace(toy_settings(kl_coef=KL_COEF, iterations=300), learning_rate=0.01)
    means = loop(
        policy, task.reference, PROMPTS, task.score, settings=settings, generator=torch.Generator().manual_seed(0)
    )
    if hasattr(means, "__next__"):
        list(means)
    best = optimal_policy(text_probabilities(task.reference), task.rewards, kl_coef=KL_COEF)
    return total_variation(text_probabilities(policy), best)


def refused(name: str, hint: str, trace: Trace) -> str:
    """A mistake, and what the loop came to."""
    came = f"{trace.sampled} rollouts, {len(trace.reads)} calls of the models, {len(trace.pushes)} optimizer steps"
    return f"Not yet: {name}. {hint}\n  input:    {INPUT}\n  got:      {came}"
