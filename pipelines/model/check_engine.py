"""Checks by the engine's own eyes: probe, trial, and whether the weights are all there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.model.check_config import CONFIG_FILE
from pipelines.model.check_weights import tensors_of
from pipelines.model.report import Finding, failed, ok, skipped, warning
from pipelines.model.scan import Inventory
from pipelines.model.tensors import TensorFacts

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

ARCHITECTURE, PARAMETERS, QUANTISATION = "architecture", "parameters", "quantisation"
FLOATING = ("F64", "F32", "F16", "BF16")


def check_engine(inventory: Inventory) -> list[Finding]:
    """What the engine would say of this checkpoint at its start, without loading it."""
    if inventory.text(CONFIG_FILE) is None:
        return skipped(ARCHITECTURE, f"there is no {CONFIG_FILE} to read")
    from pipelines.errors import PlanError
    from pipelines.plan.blueprint import build, cache_spec, read_config
    from serving.errors import UnsupportedModel

    try:
        config = read_config(inventory.captured)
        model = build(config)
        spec = cache_spec(model)
    except UnsupportedModel as error:
        return [failed(ARCHITECTURE, _here(error.message, inventory), "choose another model")]
    except PlanError as error:
        return [failed(ARCHITECTURE, _here(str(error), inventory), "copy the config.json anew")]
    quantised = check_quantisation(config)
    sizes = f"{len(spec.layers)} layers, {spec.bytes_per_token} KV bytes a token in 16 bits"
    found = _trial(config) or ok(ARCHITECTURE, f"{type(model).__name__}, {sizes}")
    return found + quantised + check_parameters(inventory, model)


def check_quantisation(config: PretrainedConfig) -> list[Finding]:
    """What transformers needs to load quantised weights, as far as this machine can tell."""
    from transformers.quantizers.auto import AUTO_QUANTIZATION_CONFIG_MAPPING

    from pipelines.plan.quantised import FP8, loading, method_of

    method = method_of(config)
    if not method:
        return []
    known = {*AUTO_QUANTIZATION_CONFIG_MAPPING, "bitsandbytes"}
    if method not in known:
        message = f"transformers does not know the quantisation {method!r}"
        return [failed(QUANTISATION, message, "correct quant_method in quantization_config")]
    package = loading(method, gpu=True, fp8=True).package
    if package and method in FP8:
        message = f"GPUs with 8-bit arithmetic need the package {package} for {method} weights"
        return [warning(QUANTISATION, message, f"add {package} to the image, or save as bfloat16")]
    if package:
        message = f"{method} weights need the package {package}, which is not installed"
        return [failed(QUANTISATION, message, f"add {package} to the image and here, or convert")]
    return ok(QUANTISATION, method)


def check_parameters(inventory: Inventory, model: PreTrainedModel) -> list[Finding]:
    """As many numbers in the files as the architecture has, and in the right shapes."""
    from pipelines.plan.footprint import head_parameters

    stored = tensors_of(inventory)
    config = model.config
    if not stored or getattr(config, "quantization_config", None):
        return skipped(PARAMETERS, "no plain tensors to count")
    wanted = {name: tuple(weight.shape) for name, weight in model.named_parameters()}
    found = _by_name(stored, wanted, model)
    if found:
        return found
    have = sum(one.elements for one in stored if one.dtype in FLOATING)
    need = sum(weight.numel() for weight in model.parameters())
    if have < need:
        message = f"the files hold {have:,} numbers and the architecture has {need:,}"
        return [failed(PARAMETERS, message, "copy all files of the checkpoint")]
    twice = head_parameters(model) if getattr(config, "tie_word_embeddings", False) else 0
    if have > need + twice + need // 100:  # some files keep a tied head too, and a few buffers
        message = f"the files hold {have:,} numbers, {have - need:,} more than the model uses"
        return [warning(PARAMETERS, message, "save it again with save_pretrained(...)")]
    return ok(PARAMETERS, f"{need:,}, all in the files")


def _by_name(
    stored: list[TensorFacts], wanted: dict[str, tuple[int, ...]], model: PreTrainedModel
) -> list[Finding]:
    """Missing tensors and wrong shapes, where the files use the architecture's own names.

    Some architectures rename or fuse what is stored when they load it: there, names that are not
    found are left to be counted.
    """
    held = {_own_name(one.name, wanted, model): one.shape for one in stored}
    common = wanted.keys() & held.keys()
    wrong = sorted(name for name in common if held[name] != wanted[name])
    if wrong:
        name = wrong[0]
        message = f"{len(wrong)} tensors have another shape than config.json says: {name} is "
        message += f"{list(held[name])}, not {list(wanted[name])}"
        return [failed(PARAMETERS, message, "take config.json and weights of one save")]
    missing = sorted(wanted.keys() - held.keys())
    renamed = held.keys() - wanted.keys() and _renames(model)
    if missing and not renamed:
        message = f"{len(missing)} tensors of the architecture are missing: {missing[0]}"
        return [failed(PARAMETERS, message, "copy all *.safetensors of the checkpoint")]
    return []


def _renames(model: PreTrainedModel) -> bool:
    """Whether transformers loads the tensors of this architecture under other names."""
    from transformers import conversion_mapping

    renaming: Any = conversion_mapping.get_model_conversion_mapping
    return bool(renaming(model, add_legacy=False))


def _own_name(name: str, wanted: dict[str, tuple[int, ...]], model: PreTrainedModel) -> str:
    """The architecture's name of a stored tensor: base models are saved without their prefix."""
    prefixed = f"{model.base_model_prefix}.{name}"
    return prefixed if name not in wanted and prefixed in wanted else name


def _trial(config: object) -> list[Finding]:
    """What a tiny copy says; nothing when it agrees."""
    from pipelines.model.trial import CannotShrink, run_trial
    from serving.errors import UnsupportedModel

    try:
        run_trial(config)  # type: ignore[arg-type]
    except UnsupportedModel as error:
        return [failed(ARCHITECTURE, error.message, "choose another model")]
    except CannotShrink as reason:
        return [_only_probed(str(reason))]
    except Exception as error:  # a tiny copy is no proof against the model
        return [_only_probed(type(error).__name__)]
    return []


def _only_probed(reason: str) -> Finding:
    fix = "start the server on it once: it verifies the whole model"
    return warning(ARCHITECTURE, f"only its shapes were probed: {reason}", fix)


def _here(message: str, inventory: Inventory) -> str:
    """The message without the name of the temporary folder."""
    return message.replace(f"{inventory.captured}/", "").replace(str(inventory.captured), ".")
