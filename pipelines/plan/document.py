"""A plan as a file, written by `keepwarm plan --json` and read wherever something is set up by it.

    plan.json -> PlanDocument -> container's environment, autoscaling target, routing threshold

Reading imports no torch: deployment and infrastructure take the plan's numbers as they stand and
compute none of their own, so container, scaling and routing agree.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import PlanError
from pipelines.plan.fields import Fields
from pipelines.plan.instances import catalogue
from serving.memory_plan import MOST_RUNNING, Limits

if TYPE_CHECKING:
    from pipelines.plan.footprint import Footprint
    from pipelines.plan.identity import Identity
    from pipelines.plan.plan import InstancePlan
    from pipelines.plan.wishes import Wishes

FORMAT = 1
AGAIN = "make it anew with `keepwarm plan --json`"


@dataclass(frozen=True)
class PlanDocument:
    """The plan of one model on one instance type, as a deployment uses it.

    Attributes:
        model_name: name of the model's folder.
        model_sha256: the artifact's, by its manifest; None when it was planned without one.
        architecture: transformers' class.
        instance: SageMaker's name of the type, `ml.g6e.2xlarge`.
        ami: InferenceAmiVersion to set; None: set none.
        dtype: precision of weights and KV.
        context: tokens of a session.
        copies: of the model that one instance holds; more than one need inference components.
        environment: settings of the container; they hold the same limits.
        limits: of one copy: running, waiting, admission, warm_sessions, ...
        usd_per_hour: of one instance, SageMaker's list price; None: none is known.
        usd_per_million_tokens: an estimate; None without a price.
        tokens_per_second: an estimate for one copy at its running limit.
        table: version of the table of instances that it was made with.
    """

    model_name: str
    model_sha256: str | None
    architecture: str
    instance: str
    ami: str | None
    dtype: str
    context: int
    copies: int
    environment: Mapping[str, str]
    limits: Limits
    usd_per_hour: float | None
    usd_per_million_tokens: float | None
    tokens_per_second: float | None
    table: str

    @property
    def autoscaling_target(self) -> int:
        """Target of the scaling policy: concurrent requests a copy."""
        return self.limits.scaling_target

    @property
    def prefix_aware_threshold(self) -> int:
        """ConcurrencyThreshold of PREFIX_AWARE routing, 1 to 1024."""
        return self.limits.prefix_threshold


def load(path: Path, instance: str | None = None) -> PlanDocument:
    """The plan in a file; see `parse`.

    Raises:
        PlanError: it cannot be read, or `parse` refuses it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PlanError(f"the plan {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PlanError(f"the plan {path} is no text: {AGAIN}") from error
    return parse(text, instance, name=f"the plan {path}")


def parse(text: str, instance: str | None = None, *, name: str = "the plan") -> PlanDocument:
    """The plan of `instance` in a document; without `instance`, of the only one in it.

    Args:
        text: JSON, as `keepwarm plan --json` prints it.
        instance: which type's plan; may be left out when the document has one.
        name: how messages call the document.

    Raises:
        PlanError: it is no plan, has no such instance, does not fit there, is a what-if that the
            engine does not do, or its numbers do not agree with each other.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PlanError(f"{name} is not JSON: {AGAIN}") from error
    whole = Fields(data, name)
    if whole.value("format") != FORMAT:
        raise PlanError(f"{name} has format {whole.value('format')!r}, not {FORMAT}: {AGAIN}")
    return _document(whole, _chosen(whole, instance))


def render(
    model: Identity, footprint: Footprint, plans: list[InstancePlan], wishes: Wishes
) -> dict[str, object]:
    """The document of plans that were made together, as plain data."""
    table = catalogue()
    return {
        "format": FORMAT,
        "table": table.version,
        "region": table.region,
        "prices": table.price_sources,
        "model": {
            "name": model.name,
            "sha256": model.sha256,
            "architecture": footprint.architecture,
            "parameters": footprint.parameters,
            "layers": len(footprint.spec.layers),
            "context": footprint.context,
            "windows": {str(window): count for window, count in footprint.windows.items()},
            "kv_bytes_per_token_16_bit": footprint.spec.bytes_per_token,
        },
        "wishes": dataclasses.asdict(wishes),
        "plans": [one.as_json() for one in plans],
    }


def _chosen(whole: Fields, instance: str | None) -> Fields:
    plans = {one.text("instance"): one for one in whole.parts("plans")}
    known = ", ".join([*plans][:4]) + (f" and {len(plans) - 4} more" if len(plans) > 4 else "")
    known = known or "no instance"
    if instance is None and len(plans) != 1:
        raise PlanError(f"{whole.name} is of {known}: say of which instance it is wanted")
    wanted = instance or next(iter(plans))
    if wanted not in plans:
        raise PlanError(f"{whole.name} is of {known}, not of {wanted}")
    return plans[wanted].named(f"{whole.name} of {wanted}")


def _document(whole: Fields, plan: Fields) -> PlanDocument:
    model = whole.part("model")
    _require_usable(plan)
    limits = _limits(plan)
    document = PlanDocument(
        model_name=model.text("name"),
        model_sha256=model.text_or_none("sha256"),
        architecture=model.text("architecture"),
        instance=plan.text("instance"),
        ami=plan.part("preflight").text_or_none("ami"),
        dtype=plan.text("dtype"),
        context=limits.context,
        copies=plan.natural("copies"),
        environment=plan.texts("environment"),
        limits=limits,
        usd_per_hour=plan.part("price_usd_an_hour").number_or_none("sagemaker"),
        usd_per_million_tokens=plan.number_or_none("usd_per_million_tokens"),
        tokens_per_second=plan.part("throughput").number_or_none("tokens_per_s"),
        table=whole.text("table"),
    )
    _require_agreement(plan, document)
    return document


def _limits(plan: Fields) -> Limits:
    held = plan.part("limits")
    numbers: dict[str, Any] = {
        one.name: held.natural(one.name) for one in dataclasses.fields(Limits)
    }
    return Limits(**numbers)


def _require_usable(plan: Fields) -> None:
    """It fits, the image starts, and the engine does what was planned."""
    if plan.value("fits") is not True:
        raise PlanError(f"{plan.name}: the model does not fit there; plan a larger instance")
    preflight = plan.part("preflight")
    if preflight.text("status") == "failed":
        raise PlanError(f"{plan.name}: {preflight.text('message')}")
    if plan.text("kv_dtype") != plan.text("dtype"):
        raise PlanError(f"{plan.name} is a what-if: plan without --kv-dtype to deploy it")
    if plan.natural("tensor") != 1:
        raise PlanError(f"{plan.name} is a what-if: plan without --tensor to deploy it")


def _require_agreement(plan: Fields, document: PlanDocument) -> None:
    """One number in all places, also when somebody edited one of them."""
    limits = document.limits
    wrong = [
        f"{name} is {document.environment.get(name)!r}, the limits say {value!r}"
        for name, value in limits.environment().items()
        if document.environment.get(name) != value
    ]
    if plan.part("limits").natural("admission") != limits.admission:
        wrong.append(f"admission is not running + waiting, {limits.admission}")
    if not 1 <= limits.scaling_target <= limits.running <= limits.warm_sessions:
        wrong.append("scaling target, running and warm sessions are not in rising order from 1 on")
    if limits.prefix_threshold > MOST_RUNNING:
        wrong.append(f"prefix_threshold is more than {MOST_RUNNING}")
    if wrong:
        raise PlanError(f"{plan.name} does not agree with itself ({wrong[0]}): {AGAIN}")
