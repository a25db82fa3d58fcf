"""PPO's loop in the styles in which people write it passes; each mistake is refused by its name."""

import copy
import inspect

import pytest

from course_lib.classroom.exercises import ppo_loop
from course_lib.classroom.exercises.check import check
from course_lib.classroom.exercises.ppo_loop import ppo_verdict, train_ppo

SOURCE = inspect.getsource(train_ppo)
OURS = vars(ppo_loop)
NO_GRAD = "        with torch.no_grad():\n            old, ref ="
NEW = "                new = policy(ids[rows], mask[rows], temperature=temperature)\n"
LOSS = "                loss = policy_loss(new.logprobs, old.logprobs[rows], whitened[rows], mask[rows])\n"
VALUES = (
    "                loss += settings.vf_coef * value_loss(new.values, old.values[rows], returns[rows], mask[rows])\n"
)
ZERO = "                optimizer.zero_grad()\n"
STEP = "                optimizer.step()\n"
ADAM = "    optimizer = torch.optim.Adam(policy.parameters(), lr=settings.learning_rate, eps=settings.adam_eps)\n"
LOOP = "    for step in range(settings.iterations):\n"
EPOCHS = "        for _ in range(settings.epochs):\n"
ROWS = "for rows in torch.randperm(size, generator=generator).chunk(settings.minibatches):"
SAMPLE = "        rollout = sample(policy, chosen, response_len=length, temperature=temperature, generator=generator)\n"
SHAPED = "rewards = kl_shaped_rewards(paid, old.logprobs, ref.logprobs, mask, kl_coef=settings.kl_coef)"
ONE_LINE = "new.logprobs, old.logprobs[rows], whitened[rows], mask[rows]"


def changed(*changes):
    """Our loop with some of its text replaced."""
    source = SOURCE
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    namespace = dict(OURS) | {"copy": copy}
    exec(source, namespace)
    return namespace["train_ppo"]


RIGHT = {
    "ours": [],
    "AdamW": [("torch.optim.Adam(", "torch.optim.AdamW("), (", eps=settings.adam_eps)", ", weight_decay=0.0)")],
    "zero_grad after the step": [(ZERO, ""), (STEP, STEP + ZERO)],
    "a loss of one's own": [
        (
            LOSS,
            "                ratio = (new.logprobs - old.logprobs[rows]).exp()\n"
            "                a, m = whitened[rows], mask[rows]\n"
            "                loss = -torch.min(ratio * a, ratio.clamp(0.8, 1.2) * a)[m].mean()\n",
        )
    ],
    "advantages not whitened": [("whiten(advantages, mask)", "advantages")],
    "minibatches cut by hand": [
        (ROWS, "for rows in torch.randperm(size, generator=generator).split(size // settings.minibatches):")
    ],
    "detached by hand": [
        ("        with torch.no_grad():\n            old, ref", "        if True:\n            old, ref"),
        ("        paid =", "        old = type(old)(*(part.detach() for part in old))\n        paid ="),
    ],
    "values not clipped": [(VALUES, VALUES.replace("mask[rows])", "mask[rows], clip_eps=None)"))],
    "returns of lambda 1": [("lam=settings.lam", "lam=1.0")],
    "a rate that does not fall": [(" * (1 - step / settings.iterations)", "")],
}

WRONG = {
    "nothing is sampled from the policy": [(SAMPLE, SAMPLE.replace("policy,", "reference,"))],
    "the policy is never read with gradients": [(NEW, "                with torch.no_grad():\n    " + NEW)],
    "backward() is missing": [("                loss.backward()\n", "")],
    "zero_grad() stands between backward() and step()": [(ZERO, ""), (STEP, ZERO + STEP)],
    "step() is missing": [(STEP, "")],
    "the reference learns": [
        ("policy.parameters(), lr", "[*policy.parameters(), *reference.requires_grad_().parameters()], lr"),
        (
            LOSS,
            LOSS + "                loss = loss + 0 * reference(ids, mask).logprobs.sum() + reference.logits.sum()\n",
        ),
    ],
    "the reference is never read": [("for model in (policy, reference)", "for model in (policy, policy)")],
    "a gradient goes through the old log-probabilities or the advantages": [
        ("        with torch.no_grad():\n            old, ref", "        if True:\n            old, ref"),
        ("loss.backward()", "loss.backward(retain_graph=True)"),
        (
            LOSS,
            "                ratio = (new.logprobs - old.logprobs[rows].detach()).exp()\n"
            "                a, m = whitened[rows], mask[rows]\n"
            "                loss = -torch.min(ratio * a, ratio.clamp(0.8, 1.2) * a)[m].mean()\n",
        ),
    ],
    "the values never learn": [(VALUES, "")],
    "gradients pile up": [(ZERO, "")],
    "one rollout serves for ever": [
        (SAMPLE, "        if step == 0:\n    " + SAMPLE),
    ],
    "settings.iterations is not used": [(LOOP, "    for step in range(2):\n")],
    "settings.batch_size is not used": [("size, temperature = settings.batch_size", "size, temperature = 12")],
    "the prompt is trained on, too": [
        (
            "        with torch.no_grad():",
            "        mask = torch.ones_like(ids[:, 1:], dtype=torch.bool)\n        with torch.no_grad():",
        )
    ],
    "texts are read at another temperature": [
        ("temperature=temperature)\n                loss", ")\n                loss")
    ],
    "some texts of a batch are never trained on": [
        (".chunk(settings.minibatches):", ".chunk(settings.minibatches)[:1] * settings.minibatches:"),
        (EPOCHS, "        torch.manual_seed(0)\n        for _ in range(1):\n"),
    ],
    "there are not epochs × minibatches steps": [(EPOCHS, "        for _ in range(1):\n")],
    "the optimizer is made anew": [(ADAM, ""), (LOOP, LOOP + "    " + ADAM)],
    "the objective is gone down": [("loss = policy_loss", "loss = -policy_loss")],
    "the old log-probabilities are taken anew": [
        (ONE_LINE, "new.logprobs, new.logprobs.detach(), whitened[rows], mask[rows]")
    ],
    "the reference stands where the old policy belongs": [
        (ONE_LINE, "new.logprobs, ref.logprobs[rows], whitened[rows], mask[rows]")
    ],
    "the KL penalty has the wrong sign": [("kl_coef=settings.kl_coef", "kl_coef=-settings.kl_coef")],
    "there is no KL penalty": [("kl_coef=settings.kl_coef", "kl_coef=0.0")],
    "the score is paid at the wrong token": [
        (
            SHAPED,
            "rewards = kl_shaped_rewards(0 * paid, old.logprobs, ref.logprobs, mask, kl_coef=settings.kl_coef)\n"
            "        rewards[:, 0] += paid",
        )
    ],
    "returns stand where advantages belong": [
        ("whiten(advantages, mask)", "whiten(advantages + old.values * mask, mask)")
    ],
    "padding is counted": [("whiten(advantages, mask)", "(advantages - advantages.mean()) / advantages.std()")],
    "nothing is clipped": [(ONE_LINE, ONE_LINE + ", clip_eps=1e6")],
    "the loop does not end": [(LOOP, "    step = 0\n    while step < settings.iterations:\n")],
    "the mean scores are not what is returned": [("    return means\n", "")],
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_loops_pass(name):
    assert ppo_verdict(changed(*RIGHT[name])).startswith("Passed: ")


def test_a_loop_that_yields_passes():
    loop = changed(
        ("        means.append(scores.mean().item())\n", "        yield scores.mean()\n"), ("    return means\n", "")
    )
    assert ppo_verdict(loop).startswith("Passed: ")


@pytest.mark.parametrize("name", WRONG)
def test_each_mistake_goes_by_its_name(name):
    assert ppo_verdict(changed(*WRONG[name])).startswith(f"Not yet: {name}")


def test_a_loop_that_ends_far_from_the_best_policy_is_told_how_far():
    says = ppo_verdict(
        changed(("settings.vf_coef * value_loss", "settings.vf_coef * value_loss"), ("(1 - step", "0.01 * (1 - step"))
    )
    assert says.startswith("Not yet: it ends 0.")
    assert "from the best policy" in says


def test_a_stub_is_not_attempted_and_an_error_names_its_line(capsys):
    def my_train_ppo(policy, reference, prompts, score, *, settings, generator):
        raise NotImplementedError

    assert ppo_verdict(my_train_ppo).startswith("Not attempted yet")
    assert ppo_verdict(changed(("scores.mean()", "scores.average()"))).startswith("Not yet: ")
    check(my_train_ppo)
