"""What a finished run leaves: texts before and after, a summary, and the policy."""

from pathlib import Path
from statistics import median

from safetensors.torch import save_file
from transformers import PreTrainedTokenizerBase

from course_lib.training.language_model import frame_texts
from course_lib.training.policy import Policy
from course_lib.training.progress import learning
from course_lib.training.record import Record
from course_lib.training.settings import PPOSettings
from course_lib.training.texts import degrades_at

SHOWN_SAMPLES = 24


def join_samples(before: list[dict], after: list[dict]) -> list[dict]:
    """The same prompts continued before and after, with what the reward, the judge and onlookers said of each."""
    judges = [name for name in before[0] if name not in ("prompt", "text")]
    return [
        {"prompt": old["prompt"], "before": old["text"], "after": new["text"]}
        | {f"{name}_{when}": row[name] for name in judges for when, row in (("before", old), ("after", new))}
        for old, new in zip(before[:SHOWN_SAMPLES], after, strict=False)
    ]


def summarise(before: Record, after: Record, records: list[Record], settings: PPOSettings) -> Record:
    """Figures on held-out prompts before and after, when the text started to degrade, response tokens a second."""
    summary = {f"{name}_before": value for name, value in before.items()}
    summary |= {f"{name}_after": value for name, value in after.items()}
    summary |= {name: after[name] for name in ("kl", "eos_share", "distinct_2")}
    speeds = [settings.batch_size * record["response_length"] / record["seconds"] for record in records]
    summary |= {"steps": len(records), "degrades_at": degrades_at(records)}
    return summary | {"tokens_per_second": median(speeds)}


def save_policy(policy: Policy, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Save the language model as an ordinary Hugging Face checkpoint, and what else has learned beside it."""
    policy.lm.save_pretrained(folder)
    frame_texts(tokenizer, eos=False)
    tokenizer.save_pretrained(folder)
    value_parts = {name: tensor.detach() for name, tensor in learning(policy) if not name.startswith("lm.")}
    save_file(value_parts, folder / "value_head.safetensors")
