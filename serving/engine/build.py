"""Puts an engine together from its settings: load, probe, size, choose attention, verify."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from transformers import PreTrainedModel

from serving.backends.generate_engine import GenerateCore
from serving.checkpoint import check_folder
from serving.config import EngineConfig
from serving.engine.core import Core, EngineCore
from serving.kv_cache.manager import KVCacheManager
from serving.request import ModelInfo
from serving.runner import loader, sizing
from serving.runner.bind import bind, cache_dtype, open_model
from serving.runner.model_runner import ModelRunner
from serving.runner.probe import probe
from serving.runner.scoring import score_budget_for
from serving.sampling import Sampler
from serving.scheduler.scheduler import Scheduler
from serving.scheduler.turns import turns_for
from serving.speculative.drafter import drafter_for

logger = logging.getLogger(__name__)


class Phases:
    """Times the phases of a start and tells each one's beginning."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.seconds: dict[str, float] = {}
        self._tell = tell

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Everything inside the block is `name`."""
        self._tell(name)
        started = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - started, 3)


def build_core(config: EngineConfig, tell: Callable[[str], None]) -> tuple[Core, ModelInfo]:
    """Load the checkpoint and make the engine that serves it.

    Raises:
        ConfigError: a setting or the folder is wrong.
        UnsupportedModel: transformers refuses it or, with KEEPWARM_BACKEND=paged, the probe does.
    """
    if config.num_threads:
        torch.set_num_threads(config.num_threads)
    folder = check_folder(config.model)
    device = loader.choose_device(config.device)
    dtype = loader.choose_dtype(config.dtype, device)
    phases = Phases(tell)
    with phases.phase("loading weights"):
        model = open_model(config, folder, dtype=dtype, device=device)
    if config.backend == "generate":
        return _generate_core(config, model, folder, phases)
    return _paged_core(config, model, folder, dtype, device, phases)


def _paged_core(
    config: EngineConfig,
    model: PreTrainedModel,
    folder: Path,
    dtype: torch.dtype,
    device: torch.device,
    phases: Phases,
) -> tuple[Core, ModelInfo]:
    block_size = sizing.block_size_for(config, device)
    with phases.phase("probing attention"):
        probed = probe(model, cache_dtype(config, dtype))
        num_blocks = sizing.choose_num_blocks(config, probed.spec, block_size, model)
        max_model_len = sizing.choose_max_model_len(config, model, num_blocks * block_size)
    logger.info("%s", sizing.report(probed.spec, num_blocks, block_size))
    with phases.phase("binding and verifying"):
        bound = bind(
            config,
            folder,
            model,
            probed,
            dtype=dtype,
            num_blocks=num_blocks,
            block_size=block_size,
            max_model_len=max_model_len,
        )
    info = _info(
        model, folder, dtype, device, bound.backend, max_model_len, phases, block_size, num_blocks
    )
    budget = sizing.token_budget_for(config, device)
    scheduler = Scheduler(
        KVCacheManager(num_blocks, block_size, prefix_caching=config.cache.prefix_caching),
        max_num_seqs=config.scheduler.max_num_seqs,
        token_budget=budget,
        long_prefill_share=config.scheduler.long_prefill_share,
        score_budget=score_budget_for(info.vocab_size),
        drafter=drafter_for(config.scheduler, device.type),
        max_model_len=max_model_len,
        turns=turns_for(device.type, budget),
    )
    runner = ModelRunner(bound.model, Sampler())
    core = EngineCore(
        scheduler, runner, eos_token_ids=info.eos_token_ids, max_model_len=max_model_len
    )
    return core, info


def _generate_core(
    config: EngineConfig, model: PreTrainedModel, folder: Path, phases: Phases
) -> tuple[Core, ModelInfo]:
    """One request at a time by `generate()`: for what the probe refuses."""
    max_model_len = config.scheduler.max_model_len or loader.context_length(model.config)
    logger.warning("serving by generate(), one request at a time: no batching, no prefix cache")
    info = _info(model, folder, model.dtype, model.device, "generate", max_model_len, phases, 0, 0)
    return GenerateCore(model, Sampler(), info), info


def _info(
    model: PreTrainedModel,
    folder: Path,
    dtype: torch.dtype,
    device: torch.device,
    backend: str,
    max_model_len: int,
    phases: Phases,
    block_size: int,
    num_blocks: int,
) -> ModelInfo:
    return ModelInfo(
        model_path=str(folder),
        architecture=type(model).__name__,
        dtype=str(dtype).removeprefix("torch."),
        device=str(device),
        backend=backend,
        max_model_len=max_model_len,
        vocab_size=model.config.get_text_config().vocab_size,
        eos_token_ids=loader.eos_token_ids(model),
        block_size=block_size,
        total_blocks=num_blocks,
        load_seconds=phases.seconds,
    )
