import pytest
import torch

from course_lib.training.experiments.candidates import Candidates, best_of_first, best_of_n_metrics, powers_of_two


def test_best_of_n_keeps_what_the_proxy_scores_highest():
    candidates = Candidates(
        ["a", "b"],
        [["a one", "a two", "a three", "a four"], ["b one", "b two", "b three", "b four"]],
        {"gold": torch.tensor([[4.0, 3.0, 2.0, 1.0], [0.0, 0.0, 0.0, 8.0]]), "judge": torch.zeros(2, 4)},
    )
    scores = torch.tensor([[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]])
    metrics = best_of_n_metrics(candidates, scores)
    assert metrics["n"] == powers_of_two(4) == [1, 2, 4]
    assert metrics["kl"] == pytest.approx([0, 0.1931, 0.6363], abs=1e-4)
    # of the six pairs, 3 have the last as their best, 2 the third, 1 the second
    assert metrics["score"] == pytest.approx([2.5, 20 / 6, 4])
    assert metrics["gold"] == pytest.approx([(10 / 4 + 8 / 4) / 2, ((3 * 1 + 2 * 2 + 1 * 3) / 6 + 3 * 8 / 6) / 2, 4.5])
    assert [row["text"] for row in best_of_first(candidates, scores, n=2)] == ["a two", "b two"]
