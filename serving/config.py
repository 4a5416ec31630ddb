"""Settings of the engine: one frozen record a part, read from the environment in one place.

Every field's `metadata` carries its environment variable and a sentence; the table in the docs is
generated from it. `EngineConfig.from_env()` is the only reader of the environment here.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serving.errors import ConfigError

DTYPES = ("auto", "float32", "bfloat16", "float16")
BACKENDS = ("paged", "generate")
SPECULATION = ("auto", "off", "prompt-lookup")
KERNELS = ("auto", "torch", "plain")
QUANTIZATION = ("auto", "none", "int8")
ATTENTION_BACKENDS = ("auto", "reference", "cpu", "varlen")


def setting(default: Any, env: str, help: str) -> Any:
    """A dataclass field that is read from the variable `env`."""
    return field(default=default, metadata={"env": env, "help": help})


@dataclass(frozen=True)
class CacheConfig:
    """The paged KV cache. Zero means: chosen at start from the device and its free memory."""

    block_size: int = setting(
        0, "KEEPWARM_BLOCK_SIZE", "tokens in a block; 0: 16 on CPU, 256 on CUDA"
    )
    num_blocks: int = setting(0, "KEEPWARM_NUM_BLOCKS", "blocks in the pool; 0: from memory")
    cpu_gib: float = setting(
        0.0, "KEEPWARM_KV_CACHE_GIB", "KV pool on CPU in GiB; 0: a quarter of what is free, up to 4"
    )
    gpu_memory_utilization: float = setting(
        0.9, "KEEPWARM_GPU_MEMORY_UTILIZATION", "share of the GPU that weights and KV may take"
    )
    prefix_caching: bool = setting(True, "KEEPWARM_PREFIX_CACHING", "reuse blocks by their hash")

    def __post_init__(self) -> None:
        _check("KEEPWARM_BLOCK_SIZE", self.block_size, self.block_size >= 0, "0 or more")
        _check("KEEPWARM_NUM_BLOCKS", self.num_blocks, self.num_blocks >= 0, "0 or more")
        _check("KEEPWARM_KV_CACHE_GIB", self.cpu_gib, 0 <= self.cpu_gib < 1e6, "0 or more")
        share = self.gpu_memory_utilization
        _check("KEEPWARM_GPU_MEMORY_UTILIZATION", share, 0 < share <= 1, "in (0, 1]")


@dataclass(frozen=True)
class SchedulerConfig:
    """How steps are filled."""

    max_num_seqs: int = setting(64, "KEEPWARM_MAX_NUM_SEQS", "sequences in one step at most")
    token_budget: int = setting(
        0, "KEEPWARM_TOKEN_BUDGET", "tokens in one step at most; 0: 160 on CPU, 8192 on CUDA"
    )
    long_prefill_share: float = setting(
        0.25,
        "KEEPWARM_LONG_PREFILL_SHARE",
        "share of the token budget that a prompt longer than it may take while others decode",
    )
    speculation: str = setting(
        "auto",
        "KEEPWARM_SPECULATION",
        "drafts out of the prompt and the answer so far. auto: where they pay; off: never; "
        "prompt-lookup: wherever something repeats",
    )
    max_draft_tokens: int = setting(
        8, "KEEPWARM_MAX_DRAFT_TOKENS", "tokens that one sequence may draft in a step at most"
    )
    max_waiting: int = setting(
        512, "KEEPWARM_MAX_WAITING", "requests that may wait before new ones get 429"
    )
    max_model_len: int = setting(
        0, "KEEPWARM_MAX_MODEL_LEN", "context in tokens; 0: the model's own, or what fits the cache"
    )

    def __post_init__(self) -> None:
        _check("KEEPWARM_MAX_NUM_SEQS", self.max_num_seqs, self.max_num_seqs >= 1, "1 or more")
        _check("KEEPWARM_TOKEN_BUDGET", self.token_budget, self.token_budget >= 0, "0 or more")
        share = self.long_prefill_share
        _check("KEEPWARM_LONG_PREFILL_SHARE", share, 0 < share <= 1, "in (0, 1]")
        known = self.speculation in SPECULATION
        _check("KEEPWARM_SPECULATION", self.speculation, known, f"one of {SPECULATION}")
        drafts = self.max_draft_tokens
        _check("KEEPWARM_MAX_DRAFT_TOKENS", drafts, drafts >= 1, "1 or more")
        _check("KEEPWARM_MAX_WAITING", self.max_waiting, self.max_waiting >= 0, "0 or more")
        _check("KEEPWARM_MAX_MODEL_LEN", self.max_model_len, self.max_model_len >= 0, "0 or more")


@dataclass(frozen=True)
class EngineConfig:
    """Everything the engine process needs to start."""

    model: str = setting("", "KEEPWARM_MODEL", "folder of the checkpoint")
    dtype: str = setting(
        "auto",
        "KEEPWARM_DTYPE",
        "auto: bfloat16 on CUDA, float32 on CPU; or one of them, or float16",
    )
    device: str = setting("auto", "KEEPWARM_DEVICE", "auto, cpu, cuda or cuda:N")
    backend: str = setting(
        "paged", "KEEPWARM_BACKEND", "paged, or generate (any model, one request at a time)"
    )
    attention: str = setting(
        "auto", "KEEPWARM_ATTENTION", "auto, reference, cpu or varlen; every choice is self-tested"
    )
    kernels: str = setting(
        "auto",
        "KEEPWARM_KERNELS",
        "on CPU in float32 or bfloat16. auto: compiled here where they fit the model, else torch; "
        "torch: torch's, weights packed for oneDNN; plain: torch's, weights as loaded",
    )
    quantization: str = setting(
        "auto",
        "KEEPWARM_QUANTIZATION",
        "int8: weights and activations in 8 bits, KV in bfloat16, on CPU; none: as loaded; "
        "auto: none, so that greedy answers are those of generate()",
    )
    num_threads: int = setting(0, "KEEPWARM_NUM_THREADS", "CPU threads of the engine; 0: torch's")
    stall_after_s: float = setting(
        60.0, "KEEPWARM_STALL_AFTER_SECONDS", "a step longer than this makes /ping answer 503"
    )
    cache: CacheConfig = field(default_factory=CacheConfig)
    scheduler: SchedulerConfig = field(default_factory=SchedulerConfig)

    def __post_init__(self) -> None:
        _check("KEEPWARM_DTYPE", self.dtype, self.dtype in DTYPES, f"one of {DTYPES}")
        _check("KEEPWARM_BACKEND", self.backend, self.backend in BACKENDS, f"one of {BACKENDS}")
        known = self.attention in ATTENTION_BACKENDS
        _check("KEEPWARM_ATTENTION", self.attention, known, f"one of {ATTENTION_BACKENDS}")
        _check("KEEPWARM_KERNELS", self.kernels, self.kernels in KERNELS, f"one of {KERNELS}")
        known = self.quantization in QUANTIZATION
        _check("KEEPWARM_QUANTIZATION", self.quantization, known, f"one of {QUANTIZATION}")
        paged = self.quantization != "int8" or self.backend == "paged"
        want = "none or auto where KEEPWARM_BACKEND is generate"
        _check("KEEPWARM_QUANTIZATION", self.quantization, paged, want)
        known = re.fullmatch(r"auto|cpu|cuda(:\d+)?", self.device) is not None
        _check("KEEPWARM_DEVICE", self.device, known, "auto, cpu, cuda or cuda:N")
        _check("KEEPWARM_NUM_THREADS", self.num_threads, self.num_threads >= 0, "0 or more")
        positive = self.stall_after_s > 0
        _check("KEEPWARM_STALL_AFTER_SECONDS", self.stall_after_s, positive, "above 0")

    @classmethod
    def from_env(cls, model: str | Path, env: Mapping[str, str]) -> EngineConfig:
        """Settings from `env`, with `model` as the checkpoint's folder.

        Raises:
            ConfigError: a variable does not parse or is out of range.
        """
        own = _read(cls, env)
        own["model"] = str(model)
        cache = CacheConfig(**_read(CacheConfig, env))
        return cls(**own, cache=cache, scheduler=SchedulerConfig(**_read(SchedulerConfig, env)))

    def to_json(self) -> str:
        """For the engine process's command line."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> EngineConfig:
        """The reverse of `to_json`."""
        data = json.loads(text)
        cache, scheduler = data.pop("cache"), data.pop("scheduler")
        return cls(**data, cache=CacheConfig(**cache), scheduler=SchedulerConfig(**scheduler))


def markdown_table() -> str:
    """The engine's settings as a Markdown table, for the docs."""
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for cls in (EngineConfig, CacheConfig, SchedulerConfig):
        for item in dataclasses.fields(cls):
            if "env" in item.metadata:
                default = str(item.default).lower() if item.default is True else item.default
                shown = f"`{default}`" if default != "" else ""
                lines.append(f"| `{item.metadata['env']}` | {shown} | {item.metadata['help']} |")
    return "\n".join(lines) + "\n"


def _check(name: str, value: object, ok: bool, want: str) -> None:
    if not ok:
        raise ConfigError(f"{name} is {value!r}; it must be {want}")


def _read(cls: type, env: Mapping[str, str]) -> dict[str, Any]:
    """Fields of `cls` that are set in `env`, converted to their types."""
    values: dict[str, Any] = {}
    for item in dataclasses.fields(cls):
        name = item.metadata.get("env")
        if name and env.get(name, "") != "":
            values[item.name] = _convert(name, env[name], type(item.default))
    return values


def _convert(name: str, text: str, kind: type) -> Any:
    if kind is bool:
        if text.lower() in ("1", "true", "yes", "on", "0", "false", "no", "off"):
            return text.lower() in ("1", "true", "yes", "on")
        raise ConfigError(f"{name} is {text!r}; it must be true or false")
    try:
        return kind(text)
    except ValueError as error:
        wanted = {int: "a whole number", float: "a number"}[kind]
        raise ConfigError(f"{name} is {text!r}; it must be {wanted}") from error
