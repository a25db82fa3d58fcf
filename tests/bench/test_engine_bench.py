"""The benchmark of PPO: its arithmetic, its race, its contenders. No timing is asserted."""

import json
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import pytest
import torch
from shared.tiny_models import make_tiny_lm

from course_lib.__main__ import main
from course_lib.bench import race as race_module
from course_lib.bench import rates, scaling, summary
from course_lib.bench.race import OURS, command, race
from course_lib.bench.rates import matrix_product_rate, useful_arithmetic
from course_lib.bench.scaling import exponent, measure_scaling
from course_lib.bench.summary import at_same_kl, ratio
from course_lib.training.files.errors import CourseError

needs_trl = pytest.mark.skipif(not find_spec("trl"), reason="TRL is not installed: the extra is named benchmark")
SMALL = {"batch_size": 8, "response_len": 6, "prompt_len": 3, "evaluation_prompts": 4, "iterations": 2}

# A contender that notes each of its turns in a file, and has the seconds of each from its command line.
FAKE = """
import json, sys
name, log, *seconds = sys.argv[1:]
print(json.dumps({"parameters": {"lm": 10, "policy": 11, "reward_model": 12}, "prompt_length": 5}), flush=True)
for turn, line in enumerate(sys.stdin):
    with open(log, "a") as file:
        file.write(name + " ")
    kl = turn * (2 if name == "trl" else 1)
    record = {"score": 3 * kl, "kl": kl, "judge": 0.5, "eos_share": 1, "response_length": 4.0, "peak_memory_gb": 7}
    print(json.dumps(record | {"seconds": float(([*seconds, 99])[turn])}), flush=True)
"""


def fake(name: str, log, *seconds: float) -> list[str]:
    return [sys.executable, "-c", FAKE, name, str(log), *map(str, seconds)]


@pytest.fixture
def fakes(monkeypatch, tmp_path):
    """Fake contenders in place of the real ones; returns the file in which they note their turns."""
    seconds = {"ours-shared": (1, 2, 3), "ours-separate": (3, 3, 9), "trl": (4, 4, 10)}
    monkeypatch.setattr(summary, "command", lambda name, settings: fake(name, tmp_path / "log", *seconds[name]))
    monkeypatch.setattr("course_lib.bench.tables.version", lambda package: "9.8.7")
    monkeypatch.setattr(summary, "matrix_product_rate", lambda **options: 1000.0)
    monkeypatch.setattr(summary, "contenders", lambda: list(seconds))
    return tmp_path / "log"


def test_useful_arithmetic_counts_training_six_times_and_a_look_twice():
    networks = {"lm": 100, "policy": 150, "reward_model": 30}
    # sampling 2 * 100, policy 2 * 150, reference 2 * 100, reward model 2 * 30, and two epochs of 6 * 150, on 10 tokens
    assert useful_arithmetic(networks, 10.0, epochs=2) == 10 * (200 + 300 + 200 + 60 + 1800)


def test_the_rate_of_matrix_products_is_that_of_the_fastest(monkeypatch):
    times = iter([0, 9, 10, 14, 20, 22])  # products of 9, 4 and 2 seconds
    monkeypatch.setattr(rates, "time", SimpleNamespace(perf_counter=lambda: next(times)))
    assert matrix_product_rate(size=10, repeats=2) == 2 * 10**3 / 2


@pytest.mark.parametrize("power", [0.0, 1.0, 1.5, 2.0])
def test_the_exponent_of_a_power_law_is_recovered(power):
    sizes = [8, 16, 40, 64]
    assert exponent(sizes, [0.3 * size**power for size in sizes]) == pytest.approx(power)


def test_each_size_is_varied_with_the_others_fixed(monkeypatch):
    measured = []
    monkeypatch.setattr(scaling, "seconds_per_iteration", lambda sizes: measured.append(sizes) or sizes["width"] ** 2.0)
    figures = measure_scaling()
    assert [figures[name]["exponent"] for name in figures] == pytest.approx([0, 0, 2], abs=1e-9)
    assert len(measured) == scaling.POINTS == 12
    assert measured[0] == {"batch": 16, "response length": 24, "width": 224}
    assert measured[-1] == {"batch": 16, "response length": 24, "width": 896}


def test_a_response_never_ends_early_where_growth_is_measured(monkeypatch):
    lengths = []

    def watched(*args, **options):
        for record in real_train(*args, **options):
            lengths.append(record["response_length"])
            yield record

    real_train = scaling.train
    monkeypatch.setattr(scaling, "train", watched)
    monkeypatch.setattr(scaling, "random_gpt2", lambda width: make_tiny_lm())  # 24 tokens, so eos is drawn often
    assert scaling.seconds_per_iteration({"batch": 16, "response length": 20, "width": 16}) > 0
    assert lengths == [20, 20, 20]


def test_a_random_gpt2_is_the_shipped_one_but_for_its_width():
    config = scaling.random_gpt2(14).config
    assert (config.n_embd, config.n_layer, config.n_head, config.vocab_size) == (14, 4, 7, 4096)


def test_contenders_take_turns_strictly(tmp_path):
    commands = {name: fake(name, tmp_path / "log", 1, 1) for name in ("a", "b")}
    rounds = []
    running = race(commands, iterations=2, after_round=lambda: rounds.append((tmp_path / "log").read_text()))
    assert rounds == ["a b ", "a b a b ", "a b a b a b "]
    assert [record["kl"] for record in running["a"].iterations] == [0, 1]
    assert running["b"].held_out["kl"] == 2
    assert all(contender.process.poll() is not None for contender in running.values())


def test_a_ratio_is_the_median_of_pairs():
    ours = [{"seconds": seconds} for seconds in (1, 2, 3)]
    theirs = [{"seconds": seconds} for seconds in (4, 4, 10)]
    assert ratio(ours, theirs) == pytest.approx(10 / 3)  # of 4, 2 and 10/3; the ratio of the medians would be 2


def test_scores_are_compared_where_both_have_been():
    ours = [{"kl": kl, "score": score} for kl, score in ((0, 0.0), (2, 1.0), (6, 3.0))]
    theirs = [{"kl": kl, "score": score} for kl, score in ((0, 0.0), (3, 1.0), (4, 1.5))]
    # three records are fewer than the window of five, so each curve is one point: its mean
    assert at_same_kl(ours, theirs) == pytest.approx({"kl": 7 / 3, "ours": 4 / 3, "trl": 2.5 / 3})


def test_the_score_at_a_kl_is_interpolated_on_the_smoothed_curve():
    ours = [{"kl": kl, "score": 2 * kl + 1} for kl in range(11)]  # smoothed: KL from 2 to 8
    theirs = [{"kl": kl / 2, "score": kl} for kl in range(11)]  # smoothed: KL from 1 to 4
    theirs[-1]["kl"] += 2.5  # smoothed, the last point moves from (4, 8) to (4.5, 8)
    # ours at 4.5: 2 * 4.5 + 1, halfway between two points
    assert at_same_kl(ours, theirs) == pytest.approx({"kl": 4.5, "ours": 10, "trl": 8})


def test_the_command_prints_the_three_figures_for_machines(fakes, capsys):
    assert main(["bench", "--only", "ppo", "--iterations", "3", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["ratio_shared"] == pytest.approx(10 / 3)
    assert printed["ratio_separate"] == pytest.approx(4 / 3)
    # 128 rows of 5 + 4 tokens, on each 2 * (2 * 10 + 11 + 12) + 2 * 6 * 11 operations, in 2 seconds, of 1000 a second
    assert printed["share_of_peak"] == pytest.approx(128 * 9 * 218 / 2 / 1000)
    assert printed["ppo"]["contenders"]["trl"]["tokens_per_second"] == 128
    assert fakes.read_text() == "ours-shared ours-separate trl " * 4


def test_the_command_prints_a_table_for_people(fakes, capsys):
    assert main(["bench", "--only", "ppo", "--iterations", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    shared, separate, trl = lines[2:5]
    assert shared.split()[:4] == ["shared", "trunk", "2.00", "3.33"]
    assert separate.split()[3:5] == ["3.00", "1.33"]
    assert trl.split()[:4] == ["TRL", "9.8.7", "4.00", "–"]
    # smoothed over all three iterations, ours have been to a KL of 1 and TRL to 2
    assert lines[-1] == (
        "Score at the largest KL of training that both reached, 1.0 nats: separate value network +3.00, TRL 9.8.7 +6.00"
    )


def test_without_trl_ours_are_measured_and_a_sentence_says_how_to_install_it(fakes, monkeypatch, capsys):
    monkeypatch.setattr(race_module, "find_spec", lambda name: None)
    assert race_module.contenders() == list(OURS)
    monkeypatch.setattr(summary, "contenders", race_module.contenders)
    assert main(["bench", "--only", "ppo", "--iterations", "3"]) == 0
    printed = capsys.readouterr().out
    assert printed.endswith("pip install -c constraints.txt -e '.[benchmark]'\n")
    assert printed.count("shared trunk") == 2  # in both tables
    assert summary.measure_ppo(3)["ratio_shared"] is None


def test_another_model_is_measured_without_trl(fakes, monkeypatch, capsys):
    given = []
    real = summary.command
    monkeypatch.setattr(summary, "command", lambda name, settings: given.append(settings) or real(name, settings))
    assert main(["bench", "--only", "ppo", "--iterations", "3", "--model", "gpt2"]) == 0
    assert given == [{"iterations": 3, "model": "gpt2", "device": "cpu"}] * 2
    assert "TRL 9.8.7" not in capsys.readouterr().out


def test_a_gpu_where_there_is_none_is_refused(fakes, monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert main(["bench", "--only", "ppo", "--device", "cuda"]) == 2
    assert "Expected a GPU for --device cuda" in capsys.readouterr().err


def test_a_contender_that_dies_is_told_of_in_its_own_words():
    dying = [sys.executable, "-c", "import sys; print('{}', flush=True); input(); sys.exit('the disk is full')"]
    with pytest.raises(CourseError, match=r"Expected a to go on training, .* it said: the disk is full"):
        race({"a": dying}, iterations=1)


def test_a_setting_that_cannot_be_is_refused_in_the_words_of_the_run(capsys):
    assert main(["bench", "--only", "ppo", "--iterations", "0"]) == 2
    assert "Expected --iterations to be more than 0, got 0" in capsys.readouterr().err


def contend(names: list[str], checkpoint, reward_checkpoint) -> dict:
    settings = SMALL | {"model": str(checkpoint), "reward_model": str(reward_checkpoint)}
    return race({name: command(name, settings) for name in names}, iterations=SMALL["iterations"])


def test_our_contenders_train_and_judge_themselves(checkpoint, reward_checkpoint):
    running = contend([*OURS], checkpoint, reward_checkpoint)
    shared, separate = running.values()
    assert shared.setup["parameters"]["policy"] == shared.setup["parameters"]["lm"] + 16 + 1
    assert separate.setup["parameters"]["policy"] > 1.5 * shared.setup["parameters"]["policy"]
    for contender in (shared, separate):
        first, second = contender.iterations
        assert first["kl"] == pytest.approx(0, abs=1e-5)
        assert 0 < second["response_length"] <= 6
        assert first["seconds"] >= first["rollout_seconds"] + first["scoring_seconds"] + first["update_seconds"]
        assert contender.held_out["peak_memory_gb"] > 0.05
        assert contender.held_out["kl"] != 0


@needs_trl
def test_trl_s_contender_trains_and_judges_itself(checkpoint, reward_checkpoint):
    trl = contend(["trl"], checkpoint, reward_checkpoint)["trl"]
    first, second = trl.iterations
    assert first["kl"] == pytest.approx(0, abs=1e-4)
    assert second["kl"] != first["kl"]
    assert 0 < second["response_length"] <= 6
    assert trl.held_out["kl"] != 0  # the trained policy was judged, not the one it started as


@needs_trl
def test_trl_starts_as_we_do_and_steps_as_often(checkpoint, reward_checkpoint, tmp_path):
    from course_lib.bench.trl_ppo import make_trainer
    from course_lib.training.reward_model import load_reward_model
    from course_lib.training.settings import RunSettings
    from course_lib.training.setup import Setup

    settings = RunSettings(**SMALL | {"model": str(checkpoint)})
    setup, reward_model = Setup(settings), load_reward_model(reward_checkpoint)
    setup.scorer(reward_model)
    before = reward_model.score(["a film", "a longer review"])
    trainer = make_trainer(setup, reward_model, str(tmp_path / "out"))
    assert torch.allclose(reward_model.score(["a film", "a longer review"]), before, atol=1e-5)
    for ours, theirs in zip(setup.policy.lm.parameters(), trainer.policy_model.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert trainer.value_model.score.weight.count_nonzero() == 0
    trainer.train()
    steps = {int(state["step"]) for state in trainer.optimizer.state.values()}
    assert steps == {settings.iterations * settings.epochs * settings.minibatches}
    rates = [line["lr"] for line in trainer.state.log_history]
    assert rates == pytest.approx([settings.learning_rate, settings.learning_rate / 2])


@needs_trl
def test_trl_stops_sampling_once_all_have_ended(checkpoint, reward_checkpoint, tmp_path):
    from course_lib.bench.trl_ppo import make_trainer
    from course_lib.training.reward_model import load_reward_model
    from course_lib.training.settings import RunSettings
    from course_lib.training.setup import Setup

    setup = Setup(RunSettings(**SMALL | {"model": str(checkpoint), "iterations": 1, "temperature": 1e-3}))
    trainer = make_trainer(setup, load_reward_model(reward_checkpoint), str(tmp_path / "out"))
    eos = trainer.processing_class.eos_token_id
    lm = trainer.policy_model
    with torch.no_grad():  # a model whose every logit but that of eos is 0
        lm.lm_head.weight = torch.nn.Parameter(torch.zeros_like(lm.lm_head.weight))
        lm.lm_head.bias = torch.nn.Parameter(torch.nn.functional.one_hot(torch.tensor(eos), 259).float())
    passes = []
    lm.transformer.register_forward_pre_hook(lambda *_: passes.append(1) if not torch.is_grad_enabled() else None)
    trainer.train()
    assert len(passes) == 1  # one token was sampled, not six
