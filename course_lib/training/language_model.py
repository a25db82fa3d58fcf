"""Loading and saving GPT-2 and its tokenizer: the shipped one, any folder, or a name on the hub."""

import re
import sys
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from course_lib.training.files import strict_json
from course_lib.training.files.checksums import verify
from course_lib.training.files.errors import CourseError

logging.disable_progress_bar()  # what loads in a second needs none, and a notebook would keep every line of it

ROWS = 16  # texts of like length that go through a GPT-2 together: little padding, and enough work for two cores
CONFIG_FILES = ("config.json", "generation_config.json")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
LARGEST_WEIGHT = 1e6  # what training leaves is far smaller; a damaged exponent is not
HUB_NAME = r"[\w-][\w.-]*(/[\w.-]+)?"  # gpt2, or owner/name


def check_device(device: str) -> torch.device:
    """Return the device, or raise CourseError where it is unknown or absent."""
    if device not in ("cpu", "cuda"):
        raise CourseError(f"Expected the device cpu or cuda, got {device!r}; choose one of the two.")
    if device == "cuda" and not torch.cuda.is_available():
        raise CourseError("Expected a GPU for --device cuda, but torch sees none; leave the option out to use the CPU.")
    return torch.device(device)


def load_pretrained(loader: type, name: str | Path) -> PreTrainedConfig | PreTrainedModel | PreTrainedTokenizerBase:
    """Call `loader.from_pretrained` on a folder or a hub name; safetensors only, in float32.

    Raises:
        CourseError: no such folder, a name the hub cannot give (no network, say), or a damaged checkpoint: JSON that is
            none, weights that are missing, left over or no numbers, or a model that cannot compute. What the course
            ships is checked against its checksums.
    """
    is_folder = Path(name).is_dir()
    verify(Path(name))
    if not is_folder and not re.fullmatch(HUB_NAME, str(name)):
        raise CourseError(f"Expected a model in the folder {name}, but there is no such folder; check the path.")
    try:
        for file in TOKENIZER_FILES if loader is AutoTokenizer else CONFIG_FILES:
            if (Path(name) / file).is_file():
                strict_json.parse((Path(name) / file).read_text(encoding="utf-8"))
        if loader is AutoConfig:
            return loader.from_pretrained(name)
        if loader is AutoTokenizer:
            tokenizer = loader.from_pretrained(name)
            tokenizer.decode(tokenizer("A film.")["input_ids"])  # damaged settings may show in use alone
            return tokenizer
        options = {"use_safetensors": True, "dtype": torch.float32, "output_loading_info": True}
        model, report = loader.from_pretrained(name, **options)
        require_sound(model, report)
        return model
    except Exception as error:  # safetensors, tokenizers, json and the hub client each raise their own kinds
        reason = " ".join(str(error).split())[:160]
        mend = "restore the folder" if is_folder else "check the name and the network, or give a folder"
        message = f"Expected a loadable checkpoint in {name}, but reading it failed ({reason}); {mend}."
        raise CourseError(message) from None


def load_language_model(
    name: str | Path, *, device: str | torch.device = "cpu"
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a causal language model and its tokenizer.

    A tokenizer without a padding token (the hub's gpt2) is given eos for it: which tokens are real follows from
    where a response ended, never from the id of the padding token.
    """
    model = load_pretrained(AutoModelForCausalLM, name)
    tokenizer = load_tokenizer(name, vocab_size=model.config.vocab_size)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model.to(device).eval(), tokenizer


def load_tokenizer(name: str | Path, *, vocab_size: int) -> PreTrainedTokenizerBase:
    """Load a tokenizer whose every token has a row of its own in the model's vocabulary, bos and eos among them.

    Raises:
        CourseError: as in `load_pretrained`, or a token is missing or unknown to the model.
    """
    tokenizer = load_pretrained(AutoTokenizer, name)
    if tokenizer.eos_token_id is None or tokenizer.bos_token_id is None:
        raise CourseError(f"Expected a tokenizer with bos and eos tokens in {name}, but it has none; use a GPT-2.")
    ids = sorted(tokenizer.get_vocab().values())
    if ids != list(range(len(ids))) or len(ids) > vocab_size:
        raise CourseError(
            f"Expected token ids 0, 1, 2 and so on, each once and at most {vocab_size} as in the model's vocabulary, "
            f"in {name}, but there are {len(ids)} from {ids[0]} to {ids[-1]}; restore the folder."
        )
    return tokenizer


def require_sound(model: PreTrainedModel, report: dict) -> None:
    """Refuse a model that the checkpoint left incomplete: transformers fills what is missing with random numbers.

    Raises:
        ValueError: a weight is missing, has no place in the model, is NaN or huge, or a short text gets no number.
    """
    if report["missing_keys"]:
        raise ValueError(f"the weight {min(report['missing_keys'])} is missing")
    if report["unexpected_keys"]:
        raise ValueError(f"a {type(model).__name__} has no place for the weight {min(report['unexpected_keys'])}")
    for name, weight in model.named_parameters():
        if not weight.abs().max() < LARGEST_WEIGHT:
            raise ValueError(f"the weight {name} holds NaN or a number beyond {LARGEST_WEIGHT:.0e}")
    with torch.no_grad():
        if not model(torch.zeros(1, 2, dtype=torch.long)).logits.isfinite().all():
            raise ValueError("what it computes is not finite")


def hidden_states(
    trunk: nn.Module, token_ids: Int[Tensor, "texts length"], lengths: Int[Tensor, " texts"]
) -> Float[Tensor, "texts length width"]:
    """States after the last layer, 0 at padding, which stands on the right of a text.

    A batch is as wide as its longest text, so texts of like length go through together and less work goes into
    padding. It need not be masked: no token looks to its right.
    """
    if len(token_ids) == 0:
        return torch.zeros(*token_ids.shape, trunk.config.hidden_size, device=token_ids.device)
    order = lengths.argsort(stable=True)
    states = []
    for rows in order.split(ROWS if token_ids.device.type == "cpu" else len(order)):
        ids = token_ids[rows, : int(lengths[rows[-1]])]
        part = trunk(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).last_hidden_state
        states.append(F.pad(part, (0, 0, 0, token_ids.shape[1] - ids.shape[1])))
    return torch.cat(states)[order.argsort()]


def compute_in_bfloat16(trunk: nn.Module | None, device_type: str) -> None:
    """Let a trunk compute in bfloat16 where that is safe (autocast), its states coming out in float32.

    The head stays outside: PPO's ratio is the exponential of a difference of its logits, which bfloat16 knows to two
    digits. Call it after all copies of the trunk are made.
    """
    if trunk is None:
        return
    forward = trunk.forward

    def mixed(*arguments, **options):
        with torch.autocast(device_type, dtype=torch.bfloat16):
            output = forward(*arguments, **options)
        output.last_hidden_state = output.last_hidden_state.float()
        return output

    trunk.forward = mixed


def has_bfloat16(device: str) -> bool:
    """Tell whether a device computes in bfloat16 without loss of speed; a CPU mostly does not."""
    return device == "cuda" and torch.cuda.is_bf16_supported()


def peak_memory_gb(device: torch.device) -> float | None:
    """The most memory that was in use at a time, in 10^9 bytes: the GPU's, or this process's; None if unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def disable_dropout(model: nn.Module) -> None:
    """Set every dropout of a model to 0, so that the same tokens have the same log-probability at every pass."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
