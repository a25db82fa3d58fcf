"""What a saved tokenizer puts around a text by itself, so that our models read elsewhere what they read here."""

from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerBase as Tokenizer

# messages are one text, each going on where the last one stopped; a prompt, to be continued, has no end
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ message['content'] }}{% endfor %}"
    "{% if not add_generation_prompt %}{{ eos_token }}{% endif %}"
)


def frame_texts(tokenizer: Tokenizer, *, eos: bool) -> None:
    """Let a tokenizer put bos before each text, and eos behind it where a text is read to its end.

    A list of messages (its chat template) becomes bos + their contents + eos, or a prompt without eos.
    """
    single = f"{tokenizer.bos_token} $A {tokenizer.eos_token}" if eos else f"{tokenizer.bos_token} $A"
    ids = [(tokenizer.bos_token, tokenizer.bos_token_id), (tokenizer.eos_token, tokenizer.eos_token_id)]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single=single, special_tokens=ids)
    tokenizer.chat_template = CHAT_TEMPLATE
