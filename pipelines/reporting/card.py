"""The model card's content, in the schema that SageMaker has for the card of a model package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.documents import BENCHMARK, CHECK, EVALUATION, GATES
from pipelines.plan.document import PlanDocument
from pipelines.reporting.blocks import Documents
from pipelines.reporting.content import cost_from

CREATOR = "Keepwarm's pipeline"


def make_card(documents: Documents, plan: PlanDocument) -> dict[str, Any]:
    """The card: what was measured where, what it costs, how it was planned."""
    gates, benchmark = documents[GATES], documents[BENCHMARK]
    metrics = gates["metrics"]
    speed = benchmark["metrics"].keys()
    return {
        "model_overview": {"model_creator": CREATOR},
        "intended_uses": {
            "intended_uses": "Chat of many turns, served by Keepwarm.",
            "factors_affecting_model_efficiency": (
                f"Speed was measured on {benchmark['place']}: {benchmark['workload']}."
            ),
        },
        "evaluation_details": [
            _evaluation("quality", _sample(documents[EVALUATION]), metrics, metrics.keys() - speed),
            _evaluation("speed", str(benchmark["workload"]), metrics, metrics.keys() & speed),
        ],
        "additional_information": {"custom_details": _details(documents, plan)},
    }


def _evaluation(
    name: str, observation: str, metrics: Mapping[str, float], names: set[str]
) -> dict[str, Any]:
    data = [
        {"name": metric, "type": "number", "value": metrics[metric]} for metric in sorted(names)
    ]
    return {
        "name": name,
        "evaluation_observation": observation,
        "metric_groups": [{"name": name, "metric_data": data}],
    }


def _sample(evaluation: Mapping[str, Any]) -> str:
    sample = evaluation["sample"]
    suites = ", ".join(f"{one['name']} ({one['prompts']} prompts)" for one in evaluation["suites"])
    return f"Shipped text of {sample['tokens']} tokens; suites: {suites}."


def _details(documents: Documents, plan: PlanDocument) -> dict[str, str]:
    cost = cost_from(documents, plan)
    against = documents[GATES]["against"]
    return {
        "model": plan.model_name,
        "artifact_sha256": str(documents[CHECK]["sha256"]),
        "architecture": plan.architecture,
        "instance": plan.instance,
        "precision": plan.dtype,
        "context_tokens": str(plan.context),
        "warm_sessions_a_copy": str(plan.limits.warm_sessions),
        "admission": str(plan.limits.admission),
        "autoscaling_target": str(plan.autoscaling_target),
        "usd_an_hour": _text(plan.usd_per_hour),
        "usd_a_million_tokens_estimated": _text(cost.estimated),
        "usd_a_million_tokens_measured": _text(cost.measured),
        "compared_with_version": str(against["number"]) if against else "none",
    }


def _text(value: float | None) -> str:
    return "not known" if value is None else f"{value:.4g}"
