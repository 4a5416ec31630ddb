"""Tokenizers of every family, built on the spot: small, real, and without any download."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from serving.tokenizer import Tokenizer

SPECIALS = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CORPUS = [
    "the quick brown fox jumps over the lazy dog, and the dog does not mind.",
    "hello there, hello world: how are you today? I am well, thank you.",
    "user assistant system stop STOP stopping halt end END",
    "caf\u00e9 na\u00efve \u00fcber \u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8 \U0001f600",
]


def _save(fast: tokenizers.Tokenizer, folder: Path) -> Tokenizer:
    wrapped = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=fast, eos_token="<|im_end|>"
    )
    wrapped.chat_template = CHATML
    wrapped.save_pretrained(folder)
    return Tokenizer(folder)


def _byte_level() -> tokenizers.Tokenizer:
    """As GPT-2, Llama 3, Qwen, SmolLM2: any byte is a token, a character may be several."""
    fast = tokenizers.Tokenizer(models.BPE())
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=SPECIALS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    fast.train_from_iterator(CORPUS, trainer)
    return fast


def _metaspace_vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """A BPE over words that begin with U+2581, with one token for each byte beside it."""
    fast = tokenizers.Tokenizer(models.BPE(unk_token="<unk>"))
    fast.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=200, special_tokens=["<unk>", *SPECIALS], show_progress=False
    )
    fast.train_from_iterator(CORPUS[:3], trainer)
    model = json.loads(fast.to_str())["model"]
    vocab: dict[str, int] = dict(model["vocab"])
    for byte in range(256):
        vocab[f"<0x{byte:02X}>"] = len(vocab)
    return vocab, [tuple(merge) for merge in model["merges"]]


def _metaspace() -> tokenizers.Tokenizer:
    """As Llama 2 and Mistral: a leading space that decoding drops, bytes for rare characters."""
    vocab, merges = _metaspace_vocabulary()
    fast = tokenizers.Tokenizer(
        models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", byte_fallback=True)
    )
    fast.normalizer = normalizers.Replace(" ", "\u2581")
    fast.decoder = decoders.Sequence(
        [
            decoders.Replace("\u2581", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    fast.add_special_tokens(SPECIALS)
    return fast


def _word_piece() -> tokenizers.Tokenizer:
    """As BERT's: decoding puts spaces before words and joins what begins with ##."""
    fast = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    fast.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    fast.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(
        vocab_size=250, special_tokens=["[UNK]", *SPECIALS], show_progress=False
    )
    fast.train_from_iterator(CORPUS, trainer)
    return fast


@pytest.fixture(scope="session")
def byte_level_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return _save(_byte_level(), tmp_path_factory.mktemp("byte_level"))


@pytest.fixture(scope="session")
def metaspace_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return _save(_metaspace(), tmp_path_factory.mktemp("metaspace"))


@pytest.fixture(scope="session")
def word_piece_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return _save(_word_piece(), tmp_path_factory.mktemp("word_piece"))


@pytest.fixture(scope="session")
def real_tokenizer(default_model: Path) -> Tokenizer:
    """The default model's tokenizer."""
    return Tokenizer(default_model)


@pytest.fixture(
    scope="session",
    params=[
        "byte_level_tokenizer",
        "metaspace_tokenizer",
        "word_piece_tokenizer",
        "real_tokenizer",
    ],
)
def any_tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    """Each of them in turn."""
    tokenizer = request.getfixturevalue(request.param)
    assert isinstance(tokenizer, Tokenizer)
    return tokenizer
