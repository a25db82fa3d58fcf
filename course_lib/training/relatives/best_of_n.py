"""Best-of-n: no training; the reference writes n responses, and the one with the highest score is kept."""

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Int
from torch import Tensor, nn

from course_lib.equations.best_of_n import best_of_n_kl, expected_best_of_n
from course_lib.training.record import Record
from course_lib.training.rollout import Rollout, join_rollouts, penalised, sample
from course_lib.training.settings import PPOSettings

SIZES = (1, 2, 4, 8, 16, 32, 64)


def best_of_n(
    reference: nn.Module,
    prompts: Int[Tensor, "prompts prompt_len"],
    score: Callable[[Rollout], Tensor],
    *,
    settings: PPOSettings,
    generator: torch.Generator,
    sizes: Sequence[int] = SIZES,
) -> Iterator[tuple[Record, Rollout]]:
    """Yield a record for each n, over all prompts, and the best among the first n; n, and nothing else, sets the KL.

    The largest n is sampled once. Score and length are means over all choices of n of these responses; `eos_share` is
    of the best among the first n. `kl` is an upper bound, exact where no two texts tie. `tokens` are those of one
    answer.

    Source: Stiennon et al. 2020, appendix G.3 (arXiv:2009.01325); Nakano et al. 2021 (arXiv:2112.09332).
    """
    length, temperature = settings.response_len, settings.temperature
    written, scored = [], []
    for _ in range(max(sizes)):
        written.append(sample(reference, prompts, response_len=length, temperature=temperature, generator=generator))
        scored.append(score(written[-1]))
    rollout, scores = join_rollouts(written, pad_id=reference.pad_id), torch.stack(scored, dim=1)
    parts = zip(scored, written, strict=True)
    ranks = torch.stack([penalised(scores_of, part, settings.missing_eos_penalty) for scores_of, part in parts], dim=1)
    lengths = rollout.response_mask.sum(dim=1).float().view(max(sizes), -1).T
    prompt = torch.arange(len(prompts), device=ranks.device)
    for n in sizes:
        best = rollout.rows(ranks[:, :n].argmax(dim=1) * len(prompts) + prompt)
        record = {
            "n": n,
            "tokens": n * lengths.mean().item(),
            "score": expected_best_of_n(ranks, scores, n=n).mean().item(),
            "kl": best_of_n_kl(n),
            "eos_share": best.ended.float().mean().item(),
            "response_length": expected_best_of_n(ranks, lengths, n=n).mean().item(),
        }
        yield record, best
