"""Expands the default model's GGUF into a safetensors folder.

A program of its own: `python -m cli.model_convert FILE.gguf FOLDER`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

# Before transformers is imported: it would ask a hub for minutes otherwise.
os.environ["HF_HUB_OFFLINE"] = "1"

END_OF_TURN = "<|im_end|>"
CONTEXT_LENGTH = 8192


def convert(gguf: Path, folder: Path) -> None:
    """Write weights, configuration, tokenizer and chat template of `gguf` into `folder`."""
    _stage(0.0, "Loading the libraries")
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig

    torch.set_grad_enabled(False)
    _stage(0.1, "Reading the tokenizer")
    tokenizer = _load_tokenizer(gguf)
    _stage(0.3, "Expanding the weights to 32 bits")
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    )
    _make_plain(model, tokenizer.convert_tokens_to_ids(END_OF_TURN))
    _stage(0.9, "Saving as safetensors")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _load_tokenizer(gguf: Path) -> Any:
    """The GGUF's tokenizer, with the digit rule that its "smollm" mark stands for.

    The model was trained on text where each digit is a token of its own and where a run of
    spaces before a digit stays whole; the GGUF loader knows only the byte-level rule.
    """
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    if tokenizer.eos_token != END_OF_TURN or tokenizer.chat_template is None:
        raise SystemExit(
            f"{gguf.name} has no chat template, or does not end turns by {END_OF_TURN}"
        )
    rules = [Digits(individual_digits=True), ByteLevel(add_prefix_space=False, use_regex=True)]
    tokenizer.backend_tokenizer.pre_tokenizer = Sequence(rules)
    tokenizer.model_max_length = CONTEXT_LENGTH
    for trace_of_loading in ("is_local", "local_files_only"):
        tokenizer.init_kwargs.pop(trace_of_loading, None)
    return tokenizer


def _make_plain(model: Any, eos_token_id: int) -> None:
    """Leave no trace of the GGUF: a plain fp32 model that ends its turns."""
    from transformers import GenerationConfig

    model.hf_quantizer = None
    config = model.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config.__dict__.pop("_model_name_or_path", None)  # the GGUF's name for itself
    config.rms_norm_eps = 1e-5  # kept as a 32-bit float there, 9.999999747378752e-06
    config.eos_token_id = eos_token_id
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        bos_token_id=config.bos_token_id,
        eos_token_id=eos_token_id,
        pad_token_id=config.pad_token_id,
    )


def _stage(share: float, text: str) -> None:
    """Tell the parent process how far we are (`cli.default_model.STAGE_MARK`)."""
    print(f"@stage {share} {text}", flush=True)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
