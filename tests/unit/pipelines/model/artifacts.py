"""Artifacts made on the fly: hand-written safetensors, and a whole tiny checkpoint."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CONFIG = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 32,
    "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 300, "max_position_embeddings": 256,
    "tie_word_embeddings": False, "bos_token_id": None, "eos_token_id": 256, "dtype": "float32",
}  # fmt: skip
CARD = "---\nlicense: apache-2.0\n---\n# A tiny model\n"
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
Tensors = Mapping[str, tuple[str, list[int], bytes]]


def safetensors(tensors: Tensors, *, metadata: dict[str, Any] | None = None) -> bytes:
    """A file of these tensors: name -> (dtype, shape, data)."""
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": metadata}
    data = b""
    for name, (dtype, shape, content) in tensors.items():
        offsets = [len(data), len(data) + len(content)]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
        data += content
    return raw_safetensors(header, data)


def raw_safetensors(header: object, data: bytes) -> bytes:
    """A file with this header, valid or not."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


WEIGHTS = safetensors({"a": ("F32", [2, 2], bytes(16)), "b": ("F32", [1], bytes(4))})


def plain(folder: Path) -> Path:
    """What passes every check that needs no engine."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    (folder / "README.md").write_text(CARD)
    (folder / "tokenizer.json").write_text("{}")
    return folder


def checkpoint(folder: Path, **changes: Any) -> Path:
    """A whole checkpoint that the engine can serve: 2 layers, a byte tokenizer, a template."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    plain(folder)
    (folder / "config.json").write_text(json.dumps(CONFIG | changes))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def tokenizer() -> Any:
    """One token a byte, and <|im_end|> 256, <|im_start|> 257."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={one: i for i, one in enumerate(alphabet)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|im_end|>")
    fast.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    fast.chat_template = TEMPLATE
    return fast


def tar_gz(path: Path, entries: list[tarfile.TarInfo | tuple[str, bytes]]) -> Path:
    """An archive of these entries, as wicked as they are."""
    with tarfile.open(path, "w:gz") as archive:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
            else:
                info = tarfile.TarInfo(entry[0])
                info.size = len(entry[1])
                archive.addfile(info, io.BytesIO(entry[1]))
    return path
