"""Training loops in the styles in which people write them pass; each mistake is refused by its name."""

import copy

import pytest
import torch
from torch.optim.optimizer import _global_optimizer_pre_hooks
from torch.utils.data import DataLoader, TensorDataset

from course_lib.classroom.exercises.check import check
from course_lib.classroom.exercises.loops import LOOPS, TRAIN_ON_RATINGS, TRAIN_REWARD_MODEL, loop_verdict

RATED, CHOSEN = "train_on_ratings", "train_reward_model"
SIGNATURE = "def {name}(model, first, second, *, loss, epochs, batch_size, learning_rate, generator):\n"
LOOP = """
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
    losses = []
    for epoch in range(epochs):
        order = torch.randperm(len(first), generator=generator)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            value = loss(model(first[rows]), SECOND)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            losses.append(value.item())
    return losses
"""
SECOND = {RATED: "second[rows]", CHOSEN: "model(second[rows])"}


def changed(name, *changes):
    """The loop above for ratings or for choices, with some of its text replaced."""
    source = LOOP
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    namespace = {"torch": torch, "copy": copy}
    exec(SIGNATURE.format(name=name) + source.replace("SECOND", SECOND[name]), namespace)
    return namespace[name]


def says(name, *changes):
    return loop_verdict(LOOPS[name], changed(name, *changes))


def by_data_loader(model, chosen, rejected, *, loss, epochs, batch_size, learning_rate, generator):
    optimizer = torch.optim.Adam(model.parameters(), learning_rate)
    data = DataLoader(TensorDataset(chosen, rejected), batch_size=batch_size, shuffle=True, generator=generator)
    losses = []
    for _ in range(epochs):
        for one, other in data:
            optimizer.zero_grad(set_to_none=False)
            value = loss(model(one), model(other))
            value.backward()
            optimizer.step()
            losses += [float(value)]
    return losses


def in_one_pass(model, chosen, rejected, *, loss, epochs, batch_size, learning_rate, generator):
    optimizer, losses = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.0), []
    for _ in range(epochs):
        for rows in torch.randperm(len(chosen), generator=generator).split(batch_size):
            rewards = model(torch.cat([chosen[rows], rejected[rows]]))
            value = loss(*rewards.chunk(2))
            model.zero_grad()
            value.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(value.detach().item())
    return losses


def one_flat_list_of_batches(model, chosen, rejected, *, loss, epochs, batch_size, learning_rate, generator):
    batches = [
        rows for _ in range(epochs) for rows in torch.randperm(len(chosen), generator=generator).split(batch_size)
    ]
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)

    def step(rows):
        value = loss(model(chosen[rows]), model(rejected[rows]))
        value.backward()
        optimizer.step()
        optimizer.zero_grad()
        return value.item()

    return [step(rows) for rows in batches]


def shuffled_copies_and_a_schedule(model, chosen, rejected, *, loss, epochs, batch_size, learning_rate, generator):
    optimizer = torch.optim.RMSprop(model.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, total_iters=epochs * 6)
    model.train()
    losses = []
    for _ in range(epochs):
        order = torch.randperm(chosen.shape[0], generator=generator)
        chosen, rejected = chosen[order], rejected[order]
        for one, other in zip(chosen.split(batch_size), rejected.split(batch_size), strict=True):
            optimizer.zero_grad()
            chosen_rewards, rejected_rewards = model(one), model(other)
            value = loss(chosen_rewards, rejected_rewards)
            value.backward()
            optimizer.step()
            schedule.step()
            losses.append(value.item())
    return losses


def descent_by_hand(model, chosen, rejected, *, loss, epochs, batch_size, learning_rate, generator):
    losses = []
    for _ in range(epochs):
        for rows in torch.randperm(len(chosen), generator=generator).split(batch_size):
            value = loss(model(chosen[rows]), model(rejected[rows]))
            gradients = torch.autograd.grad(value, list(model.parameters()))
            with torch.no_grad():
                for weight, gradient in zip(model.parameters(), gradients, strict=True):
                    weight -= learning_rate * gradient
            losses.append(value.item())
    return losses


def measured_on_the_way(model, chosen, rejected, *, loss, epochs, batch_size, learning_rate, generator):
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=0.9)
    losses = []
    while epochs > 0:
        left = torch.randperm(len(chosen), generator=generator)
        while len(left):
            rows, left = left[:batch_size], left[batch_size:]
            value = loss(model(chosen[rows]), model(rejected[rows]))
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            losses.append(value.item())
        model.eval()
        with torch.no_grad():
            model(chosen)
        model.train()
        epochs -= 1
    return losses


RIGHT = [by_data_loader, in_one_pass, one_flat_list_of_batches, shuffled_copies_and_a_schedule, descent_by_hand]
RIGHT += [measured_on_the_way]


@pytest.mark.parametrize("loop", RIGHT, ids=lambda loop: loop.__name__)
def test_a_right_loop_passes_in_whatever_style(loop):
    assert loop_verdict(TRAIN_REWARD_MODEL, loop) == f"Passed: {TRAIN_REWARD_MODEL.success}"


@pytest.mark.parametrize("name", LOOPS)
def test_ours_and_the_one_that_the_wrong_ones_come_from_pass(name):
    assert loop_verdict(LOOPS[name], LOOPS[name].reference) == f"Passed: {LOOPS[name].success}"
    assert says(name) == f"Passed: {LOOPS[name].success}"


def test_ratings_are_learned_through_a_data_loader_too():
    def loop(model, features, ratings, *, loss, epochs, batch_size, learning_rate, generator):
        data = DataLoader(TensorDataset(features, ratings), batch_size, shuffle=True, generator=generator)
        optimizer = torch.optim.Adam(model.parameters(), learning_rate)
        losses = []
        for _ in range(epochs):
            for some, their_ratings in data:
                optimizer.zero_grad()
                value = loss(model(some), their_ratings)
                value.backward()
                losses.append(value.item())
                optimizer.step()
        return losses

    assert loop_verdict(TRAIN_ON_RATINGS, loop).startswith("Passed")


ZERO, BACK, STEP = (
    "            optimizer.zero_grad()\n",
    "            value.backward()\n",
    "            optimizer.step()\n",
)
ADAM, ORDER = (
    "torch.optim.AdamW(model.parameters(), lr=learning_rate)",
    "torch.randperm(len(first), generator=generator)",
)
APART = "        second = second[torch.randperm(len(second), generator=generator)]\n"
FROM_LISTS = "loss(*(torch.tensor(x.tolist()) for x in (model(first[rows]), SECOND)))"
NEW_LEAVES = "loss(*(x.detach().requires_grad_() for x in (model(first[rows]), SECOND)))"
CALL = "loss(model(first[rows]), SECOND)"
WRONG = {
    "a copy learns": (
        "the model that you are given is never called",
        ("    losses = []", "    losses = []; model = copy.deepcopy(model)"),
    ),
    "no_grad": ("the model is called without gradients", (CALL, f"torch.no_grad()(lambda: {CALL})()")),
    "own loss": (
        "the loss that you are given is never called",
        (CALL, "(model(first[rows]) - SECOND).square().mean()"),
    ),
    "detach": ("the gradient is lost before the loss", (CALL, "loss(model(first[rows]).detach(), SECOND.detach())")),
    "tensor of a list": ("the gradient is lost before the loss", (CALL, FROM_LISTS)),
    "new leaf": ("backward() is missing", (CALL, NEW_LEAVES)),
    "a column": ("a column of the loss has another shape", ("model(first[rows])", "model(first[rows])[:, None]")),
    "no backward": ("backward() is missing", (BACK, "")),
    "cleared between": ("zero_grad() stands between backward() and step()", (ZERO + BACK, BACK + ZERO)),
    "zero, step, backward": ("step() comes before backward()", (ZERO + BACK + STEP, ZERO + STEP + BACK)),
    "step, zero, backward": ("step() comes before backward()", (ZERO + BACK + STEP, STEP + ZERO + BACK)),
    "means": (
        "the loss is given one number for the whole batch",
        (CALL, "loss(model(first[rows]).mean(), SECOND.mean())"),
    ),
    "no step": ("step() is missing", (STEP, "")),
    "no zero_grad": ("gradients pile up", (ZERO, "")),
    "zero_grad once an epoch": (
        "gradients pile up",
        (ZERO, ""),
        ("        order =", "        optimizer.zero_grad()\n        order ="),
    ),
    "new optimizer in each step": ("the optimizer is made anew", (ZERO, f"            optimizer = {ADAM}\n{ZERO}")),
    "new optimizer in each epoch": (
        "the optimizer is made anew",
        ("        order =", f"        optimizer = {ADAM}\n        order ="),
    ),
    "one batch": ("one batch comes for ever", ("order[start : start + batch_size]", "torch.arange(batch_size)")),
    "all at once": ("batch_size is not used", ("order[start : start + batch_size]", "order")),
    "one by one": ("batch_size is not used", ("batch_size", "1")),
    "one epoch": ("it returned after 1 of 20 epochs. Is `return` inside", ("range(epochs)", "range(1)")),
    "return in the loop": ("it returned after 1 of 20 epochs. Is `return` inside", ("    return", "        return")),
    "return in the inner loop": ("it returned after 1 of 120 steps. Is `return`", ("    return", "            return")),
    "one epoch too few": ("epochs is not used", ("range(epochs)", "range(1, epochs)")),
    "drop last": ("the last, smaller batch", ("len(order), batch_size)", "len(order) - batch_size + 1, batch_size)")),
    "apart": ("the two columns are shuffled apart", ("        order =", APART + "        order =")),
    "climbed": ("the loss is climbed", (BACK, "            (-value).backward()\n")),
    "maximize": ("the loss is climbed", ("lr=learning_rate", "lr=learning_rate, maximize=True")),
    "in order": ("the examples are never shuffled", (ORDER, "torch.arange(len(first))")),
    "shuffled once": ("the examples are shuffled once", ("        order =", "        order = order if epoch else")),
    "with replacement": (
        "some examples come more often",
        (ORDER, "torch.randint(len(first), (len(first),), generator=generator)"),
    ),
    "own learning rate": ("learning_rate is not used", ("lr=learning_rate", "lr=0.01")),
    "global shuffle": ("the generator is not used", (", generator=generator", "")),
    "own seed": (
        "the generator is not used",
        ("generator=generator", "generator=torch.Generator().manual_seed(epoch)"),
    ),
    "steps too small": (
        "the model has not learned",
        ("AdamW", "SGD"),
        (BACK, "            (value / 1000).backward()\n"),
    ),
    "returns nothing": ("your loop returns None", ("    return losses", "")),
    "last loss": ("the losses are not one a step", ("return losses", "return losses[-1]")),
    "one an epoch": ("the losses are not one a step", ("return losses", "return losses[::6]")),
    "tensors": ("the losses are tensors", ("value.item()", "value")),
    "functions": ("the losses are functions. loss.item is one", ("value.item()", "value.item")),
    "texts": ("the losses are no numbers. Append loss.item(); a str came", ("value.item()", "str(value)")),
    "rounded": ("the numbers returned are not the losses", ("value.item()", "value.item() / batch_size")),
    "for ever": ("the loop does not end", ("for epoch in range(epochs)", "epoch = 0\n    while epoch < epochs")),
}


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("wrong", WRONG)
def test_each_mistake_is_named(name, wrong):
    named, *changes = WRONG[wrong]
    first, *rows = says(name, *changes).splitlines()
    assert first.startswith(f"Not yet: {named}"), first
    assert [row.split(":")[0].strip() for row in rows] == ["input", "got"]


def test_exchanged_columns_are_named_for_choices_alone():
    exchange = (CALL, "loss(model(second[rows]), model(first[rows]))")
    assert says(CHOSEN, exchange).startswith("Not yet: chosen and rejected are exchanged in the loss")
    assert says(RATED, (CALL, "loss(second[rows], model(first[rows]))")).startswith("Passed"), "the square is the same"


@pytest.mark.parametrize(
    ("name", "named", "call"),
    [
        (
            RATED,
            "4 scores came with 22 ratings. The loss compares row by row: take the same rows of both, ratings[rows]",
            "loss(model(first[rows]), second)",
        ),
        (RATED, "4 ratings came with 22 scores.", "loss(model(first), second[rows])"),
        (CHOSEN, "4 chosen rewards came with 22 rejected ones.", "loss(model(first[rows]), model(second))"),
        (CHOSEN, "4 rejected rewards came with 22 chosen ones.", "loss(model(first), model(second[rows]))"),
        (
            CHOSEN,
            "no gradient comes through the rejected rewards",
            "loss(model(first[rows]), model(second[rows]).detach())",
        ),
        (
            CHOSEN,
            "no gradient comes through the chosen rewards",
            "loss(model(first[rows]).detach(), model(second[rows]))",
        ),
    ],
)
def test_what_a_loss_is_given_is_named_in_the_words_of_its_exercise(name, named, call):
    assert says(name, (CALL, call)).startswith(f"Not yet: {named}")


@pytest.mark.parametrize(
    ("told", "change"),
    [
        ("your function stops with NameError: name 'row' is not defined", (BACK, f"{BACK}            row + 1\n")),
        ("a plain number leads back nowhere", (CALL, f"{CALL}.item()")),
        (
            "backward() has used up this computation",
            (f"value = {CALL}", f"value = losses and kept or {CALL}; kept = value"),
        ),
    ],
)
def test_an_error_is_shown_unless_a_mistake_explains_it(told, change):
    without_gradients = ("            value =", "            torch.no_grad()(model)(first)\n            value =")
    first = says(RATED, change, without_gradients).splitlines()[0]
    assert first.startswith(f"Not yet: {told}"), first


def test_a_stub_and_an_error_are_told(capsys):
    def my_train_reward_model(model, chosen, rejected, **options):
        raise NotImplementedError

    check(my_train_reward_model)
    assert capsys.readouterr().out.startswith("Not attempted yet")
    first, *rows = says(CHOSEN, ("value.backward()", "valeu.backward()")).splitlines()
    assert first == "Not yet: your function stops with NameError: name 'valeu' is not defined"
    assert "22 examples with 4 features" in rows[-1]


def test_after_a_check_no_optimizer_is_watched():
    before = len(_global_optimizer_pre_hooks)
    says(RATED)
    says(RATED, (BACK, "            1 / 0\n"))
    assert len(_global_optimizer_pre_hooks) == before == 0
