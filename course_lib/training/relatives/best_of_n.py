"""Best-of-n: no training; the reference writes n responses, and the one with the highest score is kept."""

from collections.abc import Iterator, Sequence

import torch

from course_lib.equations.best_of_n import best_of_n_kl, expected_best_of_n
from course_lib.training.record import Record
from course_lib.training.relatives.trainer import Trainer
from course_lib.training.rollout import join_rollouts

SIZES = (1, 2, 4, 8, 16, 32, 64)


def best_of_n(trainer: Trainer, *, sizes: Sequence[int] = SIZES) -> Iterator[Record]:
    """Yield one record for each n, over all prompts; n, and nothing else, sets the KL.

    The largest n is sampled once. Score and length are means over all choices of n of these responses; `eos_share`
    and what `trainer.measure` adds are of the best among the first n. `kl` is an upper bound, exact where no two texts
    tie. `tokens` are those of one answer.

    Source: Stiennon et al. 2020, appendix G.3 (arXiv:2009.01325); Nakano et al. 2021 (arXiv:2112.09332).
    """
    written = [trainer.write(trainer.reference, trainer.prompts) for _ in range(max(sizes))]
    rollout = join_rollouts([part for part, _ in written], pad_id=trainer.pad_id)
    scores = torch.stack([scores_of_part for _, scores_of_part in written], dim=1)
    ranks = torch.stack([trainer.penalised(scores_of_part, part) for part, scores_of_part in written], dim=1)
    lengths = rollout.response_mask.sum(dim=1).float().view(max(sizes), -1).T
    prompts = torch.arange(len(trainer.prompts), device=ranks.device)
    for n in sizes:
        best = rollout.rows(ranks[:, :n].argmax(dim=1) * len(prompts) + prompts)
        yield {
            "n": n,
            "tokens": n * lengths.mean().item(),
            "score": expected_best_of_n(ranks, scores, n=n).mean().item(),
            "kl": best_of_n_kl(n),
            "eos_share": best.ended.float().mean().item(),
            "response_length": expected_best_of_n(ranks, lengths, n=n).mean().item(),
        } | (trainer.measure(best) if trainer.measure else {})
