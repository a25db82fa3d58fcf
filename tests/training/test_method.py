"""Any equation can be replaced: a copy of ours trains as ours does, a spoiled one otherwise, a broken one is told."""

import pytest
import torch
from shared.tiny_models import make_tiny_lm, tiny_policy
from shared.tiny_ppo import PROMPTS, count_fives, small_settings

from course_lib.equations import advantages, kl, logprobs, policy_gradient, ppo, preferences
from course_lib.training.equations import Equations
from course_lib.training.files.errors import CourseError
from course_lib.training.fit import FitSettings, PreferredTexts, RatedTexts, fit
from course_lib.training.own_equations import read_equations
from course_lib.training.ppo import PPO, train
from course_lib.training.relatives.dpo import DPO, dpo
from course_lib.training.relatives.on_policy import GRPO, REINFORCE, RLOO, DrGRPO

ROOMS = (advantages, kl, logprobs, policy_gradient, ppo, preferences)
SHARED = {"token_logprobs", "entropy", "kl_shaped_rewards", "adaptive_kl_coef"}
CLIPPED = {"probability_ratio", "clipped_objective"}
OF_PPO = {"td_residuals", "gae", "whiten", "policy_loss", "value_loss"}
CLIMBED_BY = {
    PPO: SHARED | CLIPPED | OF_PPO,
    REINFORCE: SHARED | {"reinforce_advantages", "reinforce_loss"},
    RLOO: SHARED | {"rloo_advantages", "reinforce_loss"},
    GRPO: SHARED - {"kl_shaped_rewards"} | CLIPPED | {"grpo_advantages", "grpo_loss"},
    DrGRPO: SHARED | CLIPPED | {"dr_grpo_loss"},
    DPO: {"token_logprobs", "dpo_loss"},
}
CASES = [(method, name) for method, names in CLIMBED_BY.items() for name in sorted(names)]


def ours(name):
    """The equation of the library with this name."""
    return next(getattr(room, name) for room in ROOMS if hasattr(room, name))


def copy_of(name):
    equation = ours(name)
    return lambda *inputs, **options: equation(*inputs, **options)


def bent(numbers):
    return 0.1 + 0.5 * numbers + 0.05 * numbers**2


def spoiled(name):
    """The equation with a wrong sign, or with wrong numbers where a sign would not be seen."""
    equation = ours(name)
    if name.endswith("_loss"):
        return lambda *inputs, **options: -equation(*inputs, **options)
    return lambda *inputs, **options: bent(equation(*inputs, **options))


def records_of(method):
    """What a short training with every part of the loss yields."""
    settings = small_settings(iterations=2, batch_size=8, ent_coef=0.1, vf_coef=0.5, kl_target=6.0, learning_rate=1e-2)
    policy, reference = tiny_policy(make_tiny_lm()), tiny_policy(make_tiny_lm(seed=1)).requires_grad_(False)
    loop = dpo if isinstance(method, DPO) else train
    records = list(loop(policy, reference, PROMPTS, count_fives, settings=settings, method=method))
    records = [{name: value for name, value in record.items() if value is not None} for record in records]
    return records, torch.cat([parameter.detach().flatten() for parameter in policy.parameters()])


@pytest.mark.parametrize(("method", "name"), CASES)
def test_a_copy_of_an_equation_gives_the_same_run_and_a_spoiled_one_another(method, name):
    records, weights = records_of(method())
    copied, same_weights = records_of(method(**{name: copy_of(name)}))
    for record, same in zip(records, copied, strict=True):
        assert same == pytest.approx(record, rel=1e-6)
    torch.testing.assert_close(same_weights, weights)
    changed, other_weights = records_of(method(**{name: spoiled(name)}))
    assert changed[-1] != pytest.approx(records[-1], rel=1e-4)
    assert (other_weights - weights).abs().max() > 1e-4


def test_every_equation_is_climbed_by_a_method():
    assert set().union(*CLIMBED_BY.values()) == Equations.names()


@pytest.mark.parametrize("method", [PPO, REINFORCE, RLOO, GRPO, DrGRPO, DPO])
def test_all_of_a_students_equations_together_give_the_same_run(method):
    records, weights = records_of(method())
    copied, same_weights = records_of(method().replaced({name: copy_of(name) for name in Equations.names()}))
    assert copied[-1] == pytest.approx(records[-1], rel=1e-6)
    torch.testing.assert_close(same_weights, weights)


@pytest.mark.parametrize(
    ("name", "function", "says"),
    [
        ("gae", lambda rewards, values, mask, *, gamma, lam: rewards[:, :1], "Expected shape"),
        ("gae", lambda rewards, values, mask, *, gamma, lam: 1 / 0, "ZeroDivisionError"),
        ("gae", lambda rewards, values, mask: rewards, "unexpected keyword argument"),
        ("whiten", lambda values, mask: values / 0, "Expected finite numbers"),
        ("whiten", lambda values, mask: None, "a NoneType came"),
        ("whiten", lambda values, mask: values.long(), "torch.int64 came"),
        ("whiten", lambda values, mask: values.sub_(values.mean()), "changes what it is given, in place"),
        ("whiten", torch.no_grad()(lambda values, mask: values[:, 99]), "test_method.py, line"),
        ("policy_loss", lambda new, old, adv, mask, *, clip_eps: new.detach().mean(), "Expected a gradient"),
        ("policy_loss", lambda new, old, adv, mask, *, clip_eps: new, "return one number, a mean say"),
        ("adaptive_kl_coef", lambda kl_coef, kl, *, target, horizon, batch_size: "much", "Expected a number"),
    ],
)
def test_what_is_wrong_with_an_equation_is_one_sentence_with_its_name(name, function, says):
    with pytest.raises(CourseError, match=f"our {name}.*") as caught:
        records_of(PPO(**{name: function}))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture
def write(tmp_path):
    def write(text):
        (tmp_path / "mine.py").write_text(text, encoding="utf-8")
        return tmp_path / "mine.py"

    return write


def test_a_file_gives_its_functions_by_their_names_and_the_line_of_a_fault(write):
    lines = ["import torch", "EPS = 1e-8", "def helper(x):", "    return x / EPS.no", "def whiten(values, mask):"]
    equations = read_equations(write("\n".join([*lines, "    return helper(values)"])), known=Equations.names())
    assert list(equations) == ["whiten"]
    says = r"^Your whiten stopped in mine\.py, line 4, with AttributeError: [^\n]+; mend it\.$"
    with pytest.raises(CourseError, match=says):
        records_of(PPO().replaced(equations))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def gae(:\n", r"mine\.py, line 1, stops with SyntaxError"),
        ("x = 1\nraise SystemExit(3)\n", r"mine\.py, line 2, stops with SystemExit: 3"),
        ("gae = 3\n", r"Expected gae in .*mine\.py to be a function, but it is 3; write `def gae`"),
        ("import nothing_of_this_name\n", r"mine\.py, line 1, stops with ModuleNotFoundError"),
        ("def your_gae():\n    pass\n", r"names out of .*gae, .*but it has none of them"),
        ("from course_lib.equations.advantages import gae\n", r"names out of .*gae, .*but it has none of them"),
        ("my_gae = 3\n", r"Expected my_gae in .*mine\.py to be a function, but it is 3; write `def my_gae`"),
    ],
)
def test_a_file_that_gives_no_equation_is_one_sentence(write, text, says):
    with pytest.raises(CourseError, match=says):
        read_equations(write(text), known=Equations.names())


def test_my_and_a_name_is_the_name_and_goes_before_it(write):
    text = "def gae():\n    return 1\ndef my_gae():\n    return 2\ndef whiten():\n    return 3\n"
    equations = read_equations(write(text), known=Equations.names())
    assert {name: function() for name, function in equations.items()} == {"gae": 2, "whiten": 3}


def test_a_method_tells_which_of_its_equations_are_not_ours():
    assert PPO().not_ours == GRPO().not_ours == []
    assert PPO(whiten=copy_of("whiten"), gae=copy_of("gae")).not_ours == ["gae", "whiten"]


def test_a_file_may_import_its_neighbours_and_changes_no_setting_of_torch(write, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)  # which is undone
    (tmp_path / "a_neighbour.py").write_text("from course_lib.equations.advantages import whiten as ours\n")
    head = "import torch\ntorch.set_grad_enabled(False)\ntorch.set_default_dtype(torch.float64)\n"
    path = write(
        head + "from a_neighbour import ours\ndef whiten(values, mask):\n    return ours(values, mask).double()\n"
    )
    records, weights = records_of(PPO())
    same, same_weights = records_of(PPO().replaced(read_equations(path, known={"whiten"})))
    assert same[-1] == pytest.approx(records[-1], rel=1e-6)
    torch.testing.assert_close(same_weights, weights)


def test_a_file_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(CourseError, match=r"Expected equations in the file .*nowhere\.py, but there is no such file"):
        read_equations(tmp_path / "nowhere.py", known=Equations.names())


INPUTS = torch.randn(32, 3, generator=torch.Generator().manual_seed(0))
EXAMPLES = {
    "rated": RatedTexts(INPUTS, INPUTS.sum(dim=1)),
    "preferred": PreferredTexts(INPUTS, torch.arange(16), torch.arange(16, 32)),
}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_reward_model_learns_by_the_loss_that_it_is_given(kind):
    examples = EXAMPLES[kind]

    def fitted(loss=None):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.Flatten(0))
        settings = FitSettings(epochs=2, batch_size=8, learning_rate=1e-2)
        list(fit(model, examples, settings=settings, generator=torch.Generator().manual_seed(0), loss=loss))
        return model[0].weight.detach()

    mine = torch.nn.functional.mse_loss if kind == "rated" else preferences.bradley_terry_loss
    assert torch.equal(fitted(lambda first, second: mine(first, second)), fitted())
    assert (fitted(lambda first, second: -mine(first, second)) - fitted()).abs().max() > 0.01
    with pytest.raises(CourseError, match="Expected a gradient through your loss"):
        fitted(lambda first, second: mine(first, second).detach())
