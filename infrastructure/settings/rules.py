"""What a stage may not be: values out of bounds, and settings that contradict each other.

Every refusal is one sentence with the stage, the key, its value and what would be right.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, get_type_hints

from infrastructure.errors import SettingsError

if TYPE_CHECKING:
    from infrastructure.settings import Stage

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def check(stage: Stage) -> None:
    """Refuse a stage that cannot be deployed as it is meant.

    Raises:
        SettingsError: names stage, key, value and what would be right.
    """
    for path, spec, value, kind in _fields(stage, ""):
        if wrong := _type_problem(kind, value) or _bounds_problem(spec, value):
            raise _refusal(stage, path, value, wrong)
    for rule in RULES:
        for path, why in rule(stage):
            raise _refusal(stage, path, _value(stage, path), why)


def _fields(record: Any, prefix: str) -> Iterable[tuple[str, dataclasses.Field[Any], Any, Any]]:
    """Each setting below a record: its path, field, value and type."""
    kinds = get_type_hints(type(record))
    for spec in dataclasses.fields(record):
        value = getattr(record, spec.name)
        if dataclasses.is_dataclass(kinds[spec.name]):
            if not isinstance(value, kinds[spec.name]):
                raise SettingsError(f"{prefix}{spec.name} must be a table of settings")
            yield from _fields(value, f"{spec.name}.")
        else:
            yield prefix + spec.name, spec, value, kinds[spec.name]


def _type_problem(kind: Any, value: Any) -> str:
    if kind == tuple[str, ...]:
        fine = isinstance(value, tuple) and all(isinstance(one, str) for one in value)
        return "" if fine else "must be a list of texts"
    if kind in _WORDS:
        allowed = (int, float) if kind is float else kind
        fine = isinstance(value, allowed) and (kind is bool or not isinstance(value, bool))
        return "" if fine else f"must be {_WORDS[kind]}"
    if isinstance(value, Mapping):
        fine = all(isinstance(one, str) and one for pair in value.items() for one in pair)
        return "" if fine else "must be a table of texts"
    return "" if isinstance(value, str) else "must be text"


def _bounds_problem(spec: dataclasses.Field[Any], value: Any) -> str:
    low, high, choices = (spec.metadata.get(name) for name in ("low", "high", "choices"))
    if choices and value not in choices:
        return f"must be one of {', '.join(str(one) for one in choices)}"
    if low is not None and not low <= value <= high:
        return f"must be from {low:,} to {high:,}".replace(",", " ")
    words = value if isinstance(value, tuple) else (value,)
    pattern = spec.metadata.get("pattern")
    if pattern and any(word and not re.fullmatch(pattern, word) for word in words):
        return f"must be {spec.metadata['like']}"
    return ""


def _value(stage: Stage, path: str) -> Any:
    value: Any = stage
    for name in path.split("."):
        value = getattr(value, name)
    return value


def _refusal(stage: Stage, path: str, value: Any, why: str) -> SettingsError:
    shown = list(value) if isinstance(value, tuple) else value
    return SettingsError(f"stage {stage.name!r}: {path} = {json.dumps(shown, default=str)} {why}")


Problems = Iterable[tuple[str, str]]


def _named(stage: Stage) -> Problems:
    for path in ("name", "account", "edge.domain"):
        if not _value(stage, path):
            yield path, "is missing; every stage has one of its own"


def _certified(stage: Stage) -> Problems:
    edge = stage.edge
    both = edge.certificate_arn and edge.balancer_certificate_arn
    if not edge.hosted_zone_id and not both:
        missing = "balancer_certificate_arn" if edge.certificate_arn else "certificate_arn"
        yield (
            f"edge.{missing}",
            "is missing: give edge.hosted_zone_id, then certificates are made, or both ARNs",
        )
    if (own := edge.balancer_certificate_arn) and own.split(":")[3] != stage.region:
        yield "edge.balancer_certificate_arn", f"must be a certificate in {stage.region}"
    if edge.read_seconds > edge.idle_seconds:
        yield "edge.read_seconds", f"must not be above edge.idle_seconds = {edge.idle_seconds}"


def _signed_in(stage: Stage) -> Problems:
    sign_in = stage.sign_in
    if sign_in.issuer and not sign_in.client_id:
        yield "sign_in.client_id", "is missing: the page needs its client at sign_in.issuer"
    if sign_in.client_id and not sign_in.issuer:
        yield "sign_in.client_id", "belongs to sign_in.issuer, which is not set; Cognito makes one"
    if sign_in.issuer and not stage.network.nat_gateways:
        yield "sign_in.issuer", "needs network.nat_gateways from 1 on: its keys are fetched"
    if not sign_in.issuer and not sign_in.domain_prefix:
        yield "sign_in.domain_prefix", "is missing; or give sign_in.issuer and sign_in.client_id"


def _functions(stage: Stage) -> Problems:
    function = stage.function
    if function.snap_start and function.provisioned_concurrency:
        yield (
            "function.provisioned_concurrency",
            "must be 0 with function.snap_start",
        )
    reserved = function.reserved_concurrency
    if reserved and function.provisioned_concurrency > reserved:
        yield (
            "function.provisioned_concurrency",
            f"must not be above function.reserved_concurrency = {reserved}",
        )


def _stores(stage: Stage) -> Problems:
    network, sessions = stage.network, stage.sessions
    if network.nat_gateways > network.zones:
        yield "network.nat_gateways", f"must not be above network.zones = {network.zones}"
    if stage.retains and sessions.kind == "nodes" and not sessions.replicas:
        yield (
            "sessions.replicas",
            'must be from 1 on with removal = "retain"',
        )
    try:
        prices = json.loads(stage.watch.prices)
    except json.JSONDecodeError:
        prices = None
    if not isinstance(prices, dict):
        yield "watch.prices", "must be a JSON object"


def _existing(stage: Stage) -> Problems:
    model = stage.model
    if model.kind != "existing":
        return
    if not model.endpoint_name:
        yield "model.endpoint_name", 'is missing: model.kind = "existing" means one that is there'
    for name in ("package_arn", "image_uri", "data_url", "plan_file"):
        if getattr(model, name):
            yield f"model.{name}", 'means nothing to an existing endpoint; model.kind = "endpoint"?'


def _made(stage: Stage) -> Problems:
    model = stage.model
    if model.kind == "existing":
        return
    if not model.concurrency and not model.plan_file:
        yield "model.concurrency", "must be the number of the memory plan, or give model.plan_file"
    if model.concurrency and model.plan_file:
        yield "model.concurrency", "must be 0 with model.plan_file, which has the number"
    if model.package_arn and (model.image_uri or model.data_url):
        yield "model.package_arn", "has image and weights: take out model.image_uri and data_url"
    if not model.package_arn and not (model.image_uri and model.data_url):
        missing = "data_url" if model.image_uri else "image_uri"
        yield f"model.{missing}", "is missing: give model.package_arn, or image_uri and data_url"
    if model.min_instances > model.max_instances:
        yield "model.min_instances", f"must not be above max_instances = {model.max_instances}"


def _scaled(stage: Stage) -> Problems:
    model = stage.model
    if model.scale_to_zero and model.kind != "components":
        yield (
            "model.scale_to_zero",
            'needs model.kind = "components"',
        )
    for name in ("copies_min", "min_instances"):
        lowest = getattr(model, name)
        if model.scale_to_zero and lowest:
            yield f"model.{name}", "must be 0 with model.scale_to_zero, or that false"
        if not model.scale_to_zero and not lowest and model.kind != "existing":
            yield f"model.{name}", "must be from 1 on without model.scale_to_zero"
    if model.copies_min > model.copies_max:
        yield "model.copies_min", f"must not be above copies_max = {model.copies_max}"


def _fleet(stage: Stage) -> Problems:
    fleet = stage.fleet
    if not fleet.enabled:
        return
    for name in ("image_uri", "model_uri", "concurrency", "instance_types"):
        if not getattr(fleet, name):
            yield f"fleet.{name}", "is missing, and fleet.enabled is true"
    for name in ("min_instances", "on_demand_base"):
        if getattr(fleet, name) > fleet.max_instances:
            yield f"fleet.{name}", f"must not be above max_instances = {fleet.max_instances}"


RULES: tuple[Callable[[Stage], Problems], ...] = (
    _named,
    _certified,
    _signed_in,
    _functions,
    _stores,
    _existing,
    _made,
    _scaled,
    _fleet,
)
