"""CloudWatch's alarms; their state follows what a test says was measured."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable
from typing import Any

from pipelines.testing.control_plane.named import invalid
from pipelines.testing.control_plane.part import Answer, ApiError, Parameters, Part, page

COMPARISONS = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_LIMIT = re.compile(r">\s*([0-9.]+)\s*$")


class Alarms(Part):
    """PutMetricAlarm and its kin."""

    service = "cloudwatch"

    def __init__(self, plane: Any) -> None:
        super().__init__(plane)
        self.items: dict[str, Answer] = {}

    def resources(self) -> Iterable[str]:
        return (f"alarm/{name}" for name in self.items)

    def put_metric_alarm(self, parameters: Parameters) -> Answer:
        _require_one_criterion(parameters)
        name = parameters["AlarmName"]
        before = self.items.get(name, {})
        given = {key: value for key, value in parameters.items() if key != "Tags"}
        self.items[name] = {
            **given,
            "AlarmArn": self.arn(f"alarm:{name}"),
            "AlarmConfigurationUpdatedTimestamp": self.now,
            "StateValue": before.get("StateValue", "INSUFFICIENT_DATA"),
            "StateReason": before.get("StateReason", "Unchecked: Initial alarm creation"),
            "StateUpdatedTimestamp": before.get("StateUpdatedTimestamp", self.now),
        }
        return {}

    def describe_alarms(self, parameters: Parameters) -> Answer:
        names = parameters.get("AlarmNames")
        prefix = parameters.get("AlarmNamePrefix", "")
        found = [
            alarm
            for name, alarm in sorted(self.items.items())
            if name.startswith(prefix) and (names is None or name in names)
        ]
        return page(found, parameters, "MetricAlarms", size="MaxRecords", default=50)

    def delete_alarms(self, parameters: Parameters) -> Answer:
        missing = [name for name in parameters["AlarmNames"] if name not in self.items]
        if missing:
            raise ApiError("ResourceNotFound", f"Alarms do not exist: {', '.join(missing)}", 404)
        for name in parameters["AlarmNames"]:
            del self.items[name]
        return {}

    def measure(self, metric: str, value: float) -> list[str]:
        """Let every alarm on a metric, or whose PromQL names it, see one value; those it trips."""
        tripped = []
        for name, alarm in self.items.items():
            if self._concerns(alarm, metric):
                breached = _is_breached(alarm, value)
                self.set_state(name, "ALARM" if breached else "OK", f"{metric} was {value:g}")
                tripped += [name] if breached else []
        return tripped

    def set_state(self, name: str, state: str, reason: str = "set by the test") -> None:
        """Let one alarm be `OK`, `ALARM` or `INSUFFICIENT_DATA`."""
        alarm = self.items[name]
        if alarm["StateValue"] == state:
            return
        alarm |= {"StateValue": state, "StateReason": reason, "StateUpdatedTimestamp": self.now}
        detail = {"alarmName": name, "state": {"value": state, "reason": reason}}
        self.plane.emit(
            "aws.cloudwatch", "CloudWatch Alarm State Change", detail, alarm["AlarmArn"]
        )

    def tripped(self, names: Iterable[str]) -> str:
        """The first of these alarms that is in ALARM, or nothing."""
        states = {name: self.items[name]["StateValue"] for name in names if name in self.items}
        return next((name for name, state in states.items() if state == "ALARM"), "")

    def require(self, deployment: Answer) -> None:
        """Refuse a rollback by alarms that do not exist."""
        for alarm in deployment.get("AutoRollbackConfiguration", {}).get("Alarms", []):
            if alarm["AlarmName"] not in self.items:
                raise invalid(f"Alarm {alarm['AlarmName']} does not exist.")

    @staticmethod
    def _concerns(alarm: Answer, metric: str) -> bool:
        query = alarm.get("EvaluationCriteria", {}).get("PromQLCriteria", {}).get("Query", "")
        return alarm.get("MetricName") == metric or f'"{metric}"' in query


def _is_breached(alarm: Answer, value: float) -> bool:
    """Of a PromQL query, the comparison at its end counts."""
    if "Threshold" in alarm:
        return bool(COMPARISONS[alarm["ComparisonOperator"]](value, alarm["Threshold"]))
    query = alarm["EvaluationCriteria"]["PromQLCriteria"]["Query"]
    limit = _LIMIT.search(query)
    if not limit:
        raise NotImplementedError(f"no `> number` at the end of {query!r}")
    return value > float(limit[1])


def _require_one_criterion(parameters: Parameters) -> None:
    given = [key for key in ("MetricName", "Metrics", "EvaluationCriteria") if key in parameters]
    if len(given) != 1:
        raise invalid("An alarm has one of MetricName, Metrics, EvaluationCriteria.")
    promql = given == ["EvaluationCriteria"]
    if promql != ("EvaluationInterval" in parameters):
        raise invalid("EvaluationInterval belongs to EvaluationCriteria.")
    forbidden = {"Namespace", "Period", "Threshold", "ComparisonOperator", "EvaluationPeriods"}
    if promql and forbidden & set(parameters):
        raise invalid("EvaluationCriteria stands alone.")
