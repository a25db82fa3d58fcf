"""Train the small GPT-2's tokenizer: byte-level BPE, 4,096 tokens, as `AutoTokenizer` loads it."""

from collections.abc import Iterable
from pathlib import Path

BOS, EOS, PAD = "<|bos|>", "<|eos|>", "<|pad|>"  # ids 0, 1 and 2: three tokens, for three jobs
VOCABULARY = 4096
CONTEXT = 96  # the longest rated sentence takes fewer tokens


def train_tokenizer(texts: Iterable[str], folder: Path, *, vocabulary: int = VOCABULARY) -> Path:
    """Train a byte-level BPE (Sennrich et al. 2016, arXiv:1508.07909) that puts bos before each text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    from course_lib.training.language_model import frame_texts

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=[BOS, EOS, PAD], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS, pad_token=PAD, model_max_length=CONTEXT
    )
    frame_texts(wrapped, eos=False)
    wrapped.save_pretrained(folder)
    return folder
