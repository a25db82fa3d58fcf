"""PPO's loop in the styles in which people write it passes; each mistake is refused by its name."""

import copy
import inspect
import math

import pytest
import torch
from torch.optim.optimizer import _global_optimizer_pre_hooks

from course_lib.classroom.exercises.check import check
from course_lib.classroom.exercises.patience import MOST, patience
from course_lib.classroom.exercises.ppo_loop import ppo_verdict
from course_lib.classroom.exercises.ppo_steps import experience, ppo_loss, train_ppo
from course_lib.classroom.exercises.ppo_symptoms import SYMPTOMS
from course_lib.equations.advantages import gae, kl_shaped_rewards, whiten
from course_lib.equations.ppo import policy_loss, value_loss
from course_lib.training.rollout import penalised, sample

LOOP = """
def my_train_ppo(policy, reference, prompts, score, *, settings, generator):
    T, length = settings.temperature, settings.response_len
    optimizer = torch.optim.Adam(policy.parameters(), lr=settings.learning_rate)
    means = []
    for step in range(settings.iterations):
        optimizer.param_groups[0]["lr"] = settings.learning_rate * (1 - step / settings.iterations)
        chosen = prompts[torch.randint(len(prompts), (settings.batch_size,), generator=generator)]
        rollout = sample(policy, chosen, response_len=length, temperature=T, generator=generator)
        ids, mask = rollout.token_ids, rollout.response_mask
        scores = score(rollout)
        with torch.no_grad():
            old = policy(ids, mask, temperature=T)
            ref = reference(ids, mask, temperature=T)
        paid = penalised(scores, rollout, settings.missing_eos_penalty)
        rewards = kl_shaped_rewards(paid, old.logprobs, ref.logprobs, mask, kl_coef=settings.kl_coef)
        advantages = gae(rewards, old.values, mask, gamma=1.0, lam=settings.lam)
        returns = advantages + old.values
        advantages = whiten(advantages, mask)
        for epoch in range(settings.epochs):
            order = torch.randperm(len(ids), generator=generator)
            for rows in order.chunk(settings.minibatches):
                real = mask[rows]
                new = policy(ids[rows], real, temperature=T)
                ratio = torch.exp(new.logprobs - old.logprobs[rows])
                A, eps = advantages[rows], settings.clip_eps
                objective = torch.min(ratio * A, ratio.clamp(1 - eps, 1 + eps) * A)
                errors = 0.5 * (new.values - returns[rows]) ** 2
                loss = settings.vf_coef * errors[real].mean() - objective[real].mean()
                optimizer.zero_grad()
                loss.backward()
                if settings.max_grad_norm:
                    torch.nn.utils.clip_grad_norm_(policy.parameters(), settings.max_grad_norm)
                optimizer.step()
        means.append(scores.mean().item())
    return means
"""
NAMES = {
    **{"torch": torch, "copy": copy, "sample": sample, "penalised": penalised, "gae": gae, "whiten": whiten},
    **{"kl_shaped_rewards": kl_shaped_rewards, "policy_loss": policy_loss, "value_loss": value_loss},
    **{"experience": experience, "ppo_loss": ppo_loss},
}


def changed(*changes):
    """The loop above, with some of its text replaced."""
    source = LOOP
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    namespace = dict(NAMES)
    exec(source, namespace)
    return namespace["my_train_ppo"]


ADAM = "torch.optim.Adam(policy.parameters(), lr=settings.learning_rate)"
CHOSEN = "        chosen = prompts"
SAMPLE = "        rollout = sample("
NO_GRAD, OLD = "        with torch.no_grad():\n", "            old = policy(ids, mask, temperature=T)\n"
REF = "            ref = reference(ids, mask, temperature=T)\n"
MASK = "rollout.token_ids, rollout.response_mask"
PAID = "        paid = penalised(scores, rollout, settings.missing_eos_penalty)\n"
GIVEN, DRAWN = "old.logprobs, ref.logprobs, mask, kl", "(settings.batch_size,), generator=generator"
SHAPED = "kl_shaped_rewards(paid, old.logprobs, ref.logprobs, mask, kl_coef=settings.kl_coef)"
KL = "-settings.kl_coef * (old.logprobs - ref.logprobs) * mask"
GAE = "gae(rewards, old.values, mask, gamma=1.0, lam=settings.lam)"
RETURNS, WHITEN = "        returns = advantages + old.values\n", "        advantages = whiten(advantages, mask)\n"
WITH_PADDING = "        advantages = (advantages - advantages.mean()) / advantages.std(){}\n"
EPOCHS = "        for epoch in range(settings.epochs):\n"
ORDER = "            order = torch.randperm(len(ids), generator=generator)\n"
ROWS = "order.chunk(settings.minibatches)"
NEW = "new = policy(ids[rows], real, temperature=T)"
RATIO = "torch.exp(new.logprobs - old.logprobs[rows])"
CLIPPED = "torch.min(ratio * A, ratio.clamp(1 - eps, 1 + eps) * A)"
CRITIC, ACTOR = "settings.vf_coef * errors[real].mean()", "objective[real].mean()"
ZERO, BACK, STEP = (
    f"                {call}\n" for call in ("optimizer.zero_grad()", "loss.backward()", "optimizer.step()")
)
RATE = '        optimizer.param_groups[0]["lr"] = settings.learning_rate * (1 - step / settings.iterations)\n'
IF_CUT = "                if settings.max_grad_norm:\n"
CUT = f"{IF_CUT}                    torch.nn.utils.clip_grad_norm_(policy.parameters(), settings.max_grad_norm)\n"
END = "        means.append(scores.mean().item())\n"


def as_written(function):
    """A copy as a student has it in a notebook, whose types nobody checks at run time."""
    namespace = dict(vars(inspect.getmodule(function)))
    exec(inspect.getsource(function), namespace)
    return namespace[function.__name__]


def by_halves_of_minibatches(policy, reference, prompts, score, *, settings, generator):
    """Gradients add up over parts that fit the memory; the loop yields."""
    adam, heat = torch.optim.Adam(policy.parameters(), settings.learning_rate), settings.temperature
    falling = torch.optim.lr_scheduler.LinearLR(adam, 1.0, 0.0, settings.iterations)
    for _ in range(settings.iterations):
        rows = torch.randint(len(prompts), (settings.batch_size,), generator=generator)
        texts = sample(policy, prompts[rows], response_len=settings.response_len, temperature=heat, generator=generator)
        scores, read = score(texts), (texts.token_ids, texts.response_mask)
        old, ref = (torch.no_grad()(model)(*read, temperature=heat) for model in (policy, reference))
        given = penalised(scores, texts, settings.missing_eos_penalty), old.logprobs, ref.logprobs, old.values, read[1]
        known = *read, old.logprobs, old.values, *experience(*given, kl_coef=settings.kl_coef, gamma=1, lam=1)
        for _ in range(settings.epochs):
            for rows in torch.randperm(settings.batch_size, generator=generator).chunk(settings.minibatches):
                adam.zero_grad()
                for half in rows.chunk(2):
                    ids, mask, *parts = (part[half] for part in known)
                    share = mask.sum() / read[1][rows].sum()
                    new = policy(ids, mask, temperature=heat)
                    (share * ppo_loss(*new[::2], *parts, mask, clip_eps=0.2, vf_coef=0.1)).backward()
                torch.nn.utils.clip_grad_norm_(policy.parameters(), settings.max_grad_norm or math.inf)
                adam.step()
        falling.step()
        yield scores.mean()


RIGHT = {
    "the solution": as_written(train_ppo),
    "halves of minibatches": by_halves_of_minibatches,
    "formulas of one's own": changed(),
    "AdamW": changed(("optim.Adam(", "optim.AdamW(")),
    "RMSprop": changed(("optim.Adam(", "optim.RMSprop(")),
    "zero_grad after the step": changed((ZERO, ""), (STEP, STEP + ZERO)),
    "no value function": changed(
        (GAE, "gae(rewards, torch.zeros_like(rewards), mask, gamma=1.0, lam=1.0)"), (f"{CRITIC} - ", "-")
    ),
    "advantages not whitened": changed((WHITEN, "")),
    "whitened in each minibatch": changed(
        (WHITEN, ""), ("A, eps = advantages[rows]", "A, eps = whiten(advantages[rows], real)")
    ),
    "returns of lambda 1": changed(("lam=settings.lam", "lam=1.0")),
    "a rate that falls in each minibatch": changed(
        (RATE, ""),
        (
            "    means = []\n",
            "    means, steps = [], settings.iterations * settings.epochs * settings.minibatches\n"
            "    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)\n",
        ),
        (STEP, STEP + "                schedule.step()\n"),
    ),
    "shuffled once a step": changed((ORDER, ""), (EPOCHS, ORDER[4:] + EPOCHS)),
    "the longest texts first": changed((ORDER, "            order = mask.sum(dim=1).argsort(descending=True)\n")),
    "one epoch of more steps": changed(
        (EPOCHS, "        for epoch in range(1):\n"), ("settings.minibatches", "2 * settings.minibatches")
    ),
    "shorter gradients": changed(("settings.max_grad_norm)", "settings.max_grad_norm / 2)")),
    "sums over the number of tokens": changed((ACTOR, "(objective * real).sum() / real.sum()")),
    "two backward calls": changed(
        (f"loss = {CRITIC} - ", f"critic = {CRITIC}\n                loss = -"),
        (BACK, f"                critic.backward(retain_graph=True)\n{BACK}"),
    ),
    "the batch is read again after each step": changed((END, NO_GRAD + OLD + END)),
    "detached": changed(
        (NO_GRAD, ""),
        (OLD, "        old = type(x := policy(ids, mask, temperature=T))(*(part.detach() for part in x))\n"),
        (REF, REF[4:]),
    ),
}


@pytest.mark.parametrize("style", RIGHT)
def test_a_right_loop_passes_in_whatever_style(style):
    assert ppo_verdict(RIGHT[style]).startswith("Passed: ")


def test_the_solution_ends_long_before_its_check_loses_patience():
    with patience(RIGHT["the solution"], most=MOST // 2):
        assert ppo_verdict(RIGHT["the solution"]).startswith("Passed: ")


WRONG = {
    "the reference writes": ("nothing is sampled from the policy", ("sample(policy", "sample(reference")),
    "no step": ("nothing is sampled from the policy", ("range(settings.iterations)", "range(0)")),
    "no score": ("score is never called", ("score(rollout)", "torch.zeros(len(ids))")),
    "no_grad everywhere": (
        "the policy is never read with gradients",
        ("= policy(ids[", "= torch.no_grad()(policy)(ids["),
    ),
    "no backward": ("backward() is missing", (BACK, "")),
    "detached loss": ("backward() is missing", (ACTOR, f"{ACTOR[:-7]}.detach().mean()")),
    "step first": ("step() comes before backward()", (ZERO + BACK + CUT + STEP, STEP + ZERO + BACK + CUT)),
    "zero, step, backward": ("step() comes before backward()", (ZERO + BACK + CUT + STEP, ZERO + STEP + BACK + CUT)),
    "cleared between": ("zero_grad() stands between", (ZERO + BACK, BACK + ZERO)),
    "no optimizer step": ("step() is missing", (STEP, "")),
    "reference follows": (
        "the reference learns",
        (END, f"        reference.load_state_dict(policy.state_dict())\n{END}"),
    ),
    "no reference": ("the reference is never read", (REF, "            ref = policy(ids, mask, temperature=T)\n")),
    "through": ("a gradient goes through", (NO_GRAD, "        if True:\n")),
    "through, graph kept": (
        "a gradient goes through",
        (NO_GRAD, "        if True:\n"),
        ("loss.backward()", "loss.backward(retain_graph=True)"),
    ),
    "no zero_grad": ("gradients pile up", (ZERO, "")),
    "zero_grad once a step": ("gradients pile up", (ZERO, ""), (EPOCHS, "        optimizer.zero_grad()\n" + EPOCHS)),
    "return in the loop": ("it returned after 1 of 3 steps. Is `return`", ("    return means", "        return means")),
    "return in the loop over minibatches": (
        "it returned after 1 of 3 steps. Is `return`",
        (STEP, f"{STEP}                return means\n"),
    ),
    "one step": ("it returned after 1 of 3 steps", ("range(settings.iterations)", "range(1)")),
    "once": ("one rollout serves for ever", (SAMPLE, "        rollout = rollout if step else sample(")),
    "once, above the loop": (
        "one rollout serves for ever",
        (CHOSEN, f"        if step:\n            break\n{CHOSEN}"),
        (EPOCHS, "        for epoch in range(settings.epochs * settings.iterations):\n"),
    ),
    "too few steps": ("settings.iterations is not used", ("range(settings.iterations)", "range(2)")),
    "first prompts": (
        "the first prompts are taken, not drawn ones",
        (
            "prompts[torch.randint(len(prompts), (settings.batch_size,), generator=generator)]",
            "prompts[: len(prompts)]",
        ),
    ),
    "first prompts, and rows of a whole batch": (
        "the first prompts are taken, not drawn ones",
        ("prompts[torch.randint(len(prompts), (settings.batch_size,), generator=generator)]", "prompts[:30]"),
        ("len(ids), gen", "settings.batch_size, gen"),
    ),
    "all advantages": (
        "what is known of 30 texts meets a minibatch of 10. Take the minibatch's rows of each: advantages[rows]",
        ("A, eps = advantages[rows]", "A, eps = advantages"),
    ),
    "all advantages, in policy_loss": (
        "what is known of 30 texts meets a minibatch of 10",
        (f" - {ACTOR}", " + policy_loss(new.logprobs, old.logprobs[rows], advantages, real, clip_eps=eps)"),
    ),
    "split": ("an epoch has minibatches of 3 rows, not 3 of them", ("order.chunk", "order.split")),
    "rate": ("the learning rate does not fall", (RATE, "")),
    "own rate": (
        "settings.learning_rate is not used",
        (RATE, RATE.replace("= settings.learning_rate", "= 1e-4")),
    ),
    "rate of another attribute": ("the learning rate does not fall", ('param_groups[0]["lr"]', "param_groups0")),
    "rate of 0": ("the learning rate is 0 in the last step already", ("(1 - step", "(1 - (step + 1)")),
    "gradients of any length": ("gradients are longer than settings.max_grad_norm where", (CUT, "")),
    "cut after the step": ("gradients are longer than settings.max_grad_norm where", (CUT + STEP, STEP + CUT)),
    "cut before backward": ("gradients are longer than settings.max_grad_norm where", (BACK + CUT, CUT + BACK)),
    "no penalty": ("texts that do not end are not penalised", (PAID, "        paid = scores\n")),
    "no penalty, not whitened": (
        "texts that do not end are not penalised",
        (PAID, "        paid = scores\n"),
        (WHITEN, ""),
    ),
    "own batch": ("settings.batch_size is not used", ("settings.batch_size", "12")),
    "the prompt": (
        "the prompt is trained on, too",
        (MASK, "rollout.token_ids, torch.ones_like(rollout.token_ids[:, 1:]).bool()"),
        (PAID, f"{PAID}        mask = mask.clone()\n"),
    ),
    "all ones": ("padding is read as text", (MASK, "rollout.token_ids, torch.ones_like(rollout.response_mask)")),
    "temperature": ("texts are read at another temperature", (NEW, "new = policy(ids[rows], real)")),
    "first minibatch": (
        "some texts of a batch are never trained on",
        (ROWS, "order.sort()[0].chunk(3)[:1]"),
    ),
    "one epoch": ("settings.epochs is not used", (EPOCHS, "        for epoch in range(1):\n")),
    "one minibatch": ("settings.minibatches is not used", (ROWS, "[order]")),
    "in order": ("the rows are never shuffled", (ORDER, "            order = torch.arange(len(ids))\n")),
    "new optimizer": ("the optimizer is made anew", (CHOSEN, f"        optimizer = {ADAM}\n{CHOSEN}")),
    "no minus": ("the objective is gone down", (f" - {ACTOR}", f" + {ACTOR}")),
    "minus the loss": (
        "the objective is gone down",
        (f" - {ACTOR}", " - policy_loss(new.logprobs, old.logprobs[rows], advantages[rows], real)"),
    ),
    "KL turned": (
        "the KL penalty has the wrong sign",
        (GIVEN, "ref.logprobs, old.logprobs, mask, kl"),
    ),
    "KL turned, not whitened": (
        "the KL penalty has the wrong sign",
        ("kl_coef=settings.kl_coef", "kl_coef=-settings.kl_coef"),
        (WHITEN, ""),
    ),
    "no KL": ("there is no KL penalty", ("kl_coef=settings.kl_coef", "kl_coef=0.0")),
    "KL to itself": (
        "there is no KL penalty",
        (GIVEN, "old.logprobs, old.logprobs, mask, kl"),
    ),
    "last column": ("the score is paid at the wrong token", (SHAPED, f"{KL}; rewards[:, -1] += paid")),
    "first token": ("the score is paid at the wrong token", (SHAPED, f"{KL}; rewards[:, 0] += paid")),
    "every token": ("the score is paid at the wrong token", (SHAPED, f"{KL} + paid[:, None] * mask")),
    "off by one": (
        "the score is paid at the wrong token",
        (SHAPED, f"{KL}; rewards[torch.arange(len(ids)), mask.sum(dim=1) - 2] += paid"),
    ),
    "reference for old": ("the reference stands where the old policy", (RATIO, RATIO.replace("old", "ref"))),
    "reference for old, not whitened": (
        "the reference stands where the old policy",
        (RATIO, RATIO.replace("old", "ref")),
        (WHITEN, ""),
    ),
    "returns climbed": (
        "returns stand where advantages belong",
        ("whiten(advantages", "whiten(returns"),
    ),
    "raw returns climbed": ("returns stand where advantages belong", ("A, eps = advantages", "A, eps = returns")),
    "old anew in each pass": (
        "the old log-probabilities are taken anew",
        (ORDER, f"{ORDER}{NO_GRAD.replace('        ', '            ')}    {OLD.replace('old', 'now')}"),
        (RATIO, RATIO.replace("old", "now")),
    ),
    "old anew in each minibatch": (
        "the old log-probabilities are taken anew",
        (RATIO, "torch.exp(new.logprobs - new.logprobs.detach())"),
    ),
    "no ratio": ("the old log-probabilities are taken anew", (CLIPPED, "new.logprobs * A")),
    "no clip": ("nothing is clipped", (CLIPPED, "ratio * A")),
    "no minimum": ("nothing is clipped", (CLIPPED, "torch.max(ratio * A, ratio.clamp(1 - eps, 1 + eps) * A)")),
    "mean over padding": ("padding is counted as tokens", (ACTOR, "objective.mean()")),
    "mean over padding, not whitened": ("padding is counted as tokens", (ACTOR, "objective.mean()"), (WHITEN, "")),
    "whitened with padding": ("padding is counted as tokens", (WHITEN, WITH_PADDING.format(""))),
    "whitened with padding, pushed": (
        "padding is counted as tokens",
        (WHITEN, WITH_PADDING.format("")),
        (ACTOR, "objective.mean()"),
    ),
    "whitened returns": ("the returns are made of whitened advantages", (RETURNS + WHITEN, WHITEN + RETURNS)),
    "values learn advantages": (
        "the values learn the advantages",
        ("- returns[rows]", "- advantages[rows]"),
    ),
    "values do not learn": ("the values never learn", (f"{CRITIC} - ", "-")),
    "global draws": (
        "the generator is not used",
        (DRAWN, "(settings.batch_size,)"),
    ),
    "own seed": (
        "the generator is not used",
        ("    means", "    generator = torch.Generator().manual_seed(7)\n    means"),
    ),
    "nothing returned": ("your loop returns None", ("    return means\n", "")),
    "one mean": ("the mean scores are not one a step", ("return means", "return means[-1]")),
    "all scores": ("the mean scores are no numbers", (END, "        means.append(scores)\n")),
    "sums": ("the numbers returned are not the mean scores", ("scores.mean().item()", "scores.sum().item()")),
    "for ever": ("the loop does not end", (EPOCHS, "        while True:\n")),
    "for ever in steps": (
        "the loop does not end",
        ("for step in range(settings.iterations)", "for step in iter(int, 1)"),
    ),
    "steps for ever": ("the loop does not end", (STEP, f"                while True:\n    {STEP}")),
    "for ever where it is good": (
        "the loop does not end",
        ("range(settings.epochs)", "iter(int, 1) if settings.kl_coef == 0.5 else range(settings.epochs)"),
    ),
    "steps too small": ("it ends 0.", ("optim.Adam(", "optim.SGD(")),
    "a weak leash": ("it ends 0.", ("kl_coef=settings.kl_coef", "kl_coef=settings.kl_coef / 4")),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_each_mistake_is_named(wrong):
    named, *changes = WRONG[wrong]
    first, *rows = ppo_verdict(changed(*changes)).splitlines()
    assert first.startswith(f"Not yet: {named}"), first
    assert rows[0].startswith("  input:    3 steps of 30 texts on a language of four words")


def test_every_symptom_is_tried():
    tried = {named for named, *_ in WRONG.values()}
    assert not [symptom.name for symptom in SYMPTOMS if not any(symptom.name.startswith(name) for name in tried)]


def test_a_stub_and_an_error_are_told(capsys):
    def my_train_ppo(policy, reference, prompts, score, *, settings, generator):
        raise NotImplementedError

    check(my_train_ppo)
    assert capsys.readouterr().out.startswith("Not attempted yet")
    first, *rows = ppo_verdict(changed(("loss.backward()", "lost.backward()"))).splitlines()
    assert first == "Not yet: your function stops with NameError: name 'lost' is not defined"
    assert "a language of four words" in rows[-1]
    says = ppo_verdict(changed(("policy(ids[rows]", "policy(ids[row]")))
    assert says.startswith("Not yet: your function stops with NameError: name 'row' is not defined")
    says = ppo_verdict(changed(("policy(ids[rows]", "policy(ids[rows + 30]")))
    assert "error:    IndexError" in says


def test_after_a_check_no_optimizer_is_watched():
    ppo_verdict(changed(("loss.backward()", "1 / 0")))
    assert not _global_optimizer_pre_hooks
