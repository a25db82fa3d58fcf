"""Loading and saving GPT-2 and its tokenizer: the shipped one, any folder, or a name on the hub."""

import sys
from pathlib import Path

import torch
from jaxtyping import Float, Int
from tokenizers.processors import TemplateProcessing
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from course_lib.training.files.errors import CourseError
from course_lib.training.files.pretrained import load_pretrained, load_tokenizer

ROWS = 16  # texts of like length that go through a GPT-2 together: little padding, and enough work for two cores
PROBE = 6  # tokens on which a loaded model is tried
TOLERANCE = 1e-4  # of the largest logit, or 1: float32 is a hundred times as exact
TRAINABLE = "a causal language model that can be trained here"
USE_ANOTHER = "use a GPT-2, a Llama or a Mistral"
# messages are one text, each going on where the last one stopped; a prompt, to be continued, has no end
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ message['content'] }}{% endfor %}"
    "{% if not add_generation_prompt %}{{ eos_token }}{% endif %}"
)


def check_device(device: str) -> torch.device:
    """Return the device, or raise CourseError where it is unknown or absent."""
    if device not in ("cpu", "cuda"):
        raise CourseError(f"Expected the device cpu or cuda, got {device!r}; choose one of the two.")
    if device == "cuda" and not torch.cuda.is_available():
        raise CourseError("Expected a GPU for --device cuda, but torch sees none; leave the option out to use the CPU.")
    return torch.device(device)


def load_language_model(
    name: str | Path, *, device: str | torch.device = "cpu"
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a causal language model and its tokenizer.

    A tokenizer without a padding token (the hub's gpt2) is given eos for it: which tokens are real follows from
    where a response ended, never from the id of the padding token.

    Raises:
        CourseError: as in `load_pretrained` and `load_tokenizer`, or the model is of a kind that is not trained here.
    """
    require_known_kind(load_pretrained(AutoConfig, name), name)
    model = load_pretrained(AutoModelForCausalLM, name).eval()
    tokenizer = load_tokenizer(name, vocab_size=model.config.vocab_size)
    require_one_way_to_logits(model, name)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model.to(device), tokenizer


def require_known_kind(config: PreTrainedConfig, name: str | Path) -> None:
    """Refuse, by its configuration, a model that cannot be trained here."""
    came = None
    if config.is_encoder_decoder:
        came = "an encoder-decoder"
    elif config.model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        came = "no causal language model"
    else:
        lacks = [n for n in ("hidden_size", "vocab_size", "max_position_embeddings") if not hasattr(config, n)]
        came = f"without {lacks[0]} in its config.json" if lacks else None
    if came:
        raise CourseError(f"Expected {TRAINABLE} in {name}, but {config.model_type} is {came}; {USE_ANOTHER}.")


def require_one_way_to_logits(lm: PreTrainedModel, name: str | Path) -> None:
    """Refuse a model whose log-probabilities are not those of its head on its trunk's states.

    That way goes PPO, in one pass when it trains and token by token with a cache when it samples; a model that scales
    or caps its logits behind the head, or looks ahead, would train on other probabilities than it samples from.
    """
    kind = lm.config.model_type
    token_ids = torch.linspace(0, lm.config.vocab_size - 1, PROBE).long()[None]
    try:
        with torch.no_grad():
            expected = lm(input_ids=token_ids).logits
            ways = [trunk_logits(lm, token_ids, parts) for parts in ([PROBE], [PROBE - 2, 1, 1])]
    except Exception as error:  # each kind fails in its own way
        reason = " ".join(str(error).split())[:160]
        raise CourseError(
            f"Expected {TRAINABLE} in {name}, but {kind} does not go token by token ({reason}); {USE_ANOTHER}."
        ) from None
    nats = max((logits.log_softmax(-1) - expected.log_softmax(-1)).abs().max().item() for logits in ways)
    if nats > TOLERANCE * max(1.0, expected.abs().max().item()):
        raise CourseError(
            f"Expected {TRAINABLE} in {name}, with logits that are its head on its last hidden states, but in {kind} "
            f"log-probabilities differ from that by up to {nats:.2g} nats; {USE_ANOTHER}."
        )


def trunk_logits(
    lm: PreTrainedModel, token_ids: Int[Tensor, "1 length"], parts: list[int]
) -> Float[Tensor, "1 length vocab"]:
    """Logits after each token as PPO takes them, of so many tokens at a time, those before them in the cache."""
    cache, logits = None, []
    for part in token_ids.split(parts, dim=1):
        output = lm.base_model(input_ids=part, past_key_values=cache, use_cache=True)
        if output.last_hidden_state.shape[-1] != lm.config.hidden_size:
            raise ValueError("its last states are not as wide as hidden_size says")
        cache = getattr(output, "past_key_values", None)
        if not hasattr(cache, "batch_select_indices"):
            raise ValueError("it keeps no cache of past tokens that texts can leave when they end")
        cache.batch_select_indices(torch.tensor([0]))  # as sampling does, when a text has ended
        logits.append(lm.get_output_embeddings()(output.last_hidden_state))
    return torch.cat(logits, dim=1)


def frame_texts(tokenizer: PreTrainedTokenizerBase, *, eos: bool) -> None:
    """Let a tokenizer put bos before each text, and eos behind it where a text is read to its end.

    A list of messages (its chat template) becomes bos + their contents + eos, or a prompt without eos.
    """
    single = f"{tokenizer.bos_token} $A {tokenizer.eos_token}" if eos else f"{tokenizer.bos_token} $A"
    ids = [(tokenizer.bos_token, tokenizer.bos_token_id), (tokenizer.eos_token, tokenizer.eos_token_id)]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single=single, special_tokens=ids)
    tokenizer.chat_template = CHAT_TEMPLATE


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
    return device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


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
