"""The alarms of `signals`, made, and tied to the topic."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from infrastructure.settings import Stage
from infrastructure.watch.signals import Signal, signals
from infrastructure.watch.watched import Watched

_ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
_BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD


class Alarms(Construct):
    """Every signal's alarm; the topic hears when one rings and when it is over.

    Attributes:
        all: the alarms by their signals' names.
    """

    def __init__(
        self, scope: Construct, id: str, *, stage: Stage, topic: sns.ITopic, watched: Watched
    ) -> None:
        super().__init__(scope, id)
        self._prefix, self._action = f"{stage.prefix}-{stage.name}", actions.SnsAction(topic)
        self.all = {one.name: self._alarm(one) for one in signals(stage, watched)}

    def _alarm(self, signal: Signal) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            self,
            "".join(word.capitalize() for word in signal.name.split("-")),
            alarm_name=f"{self._prefix}-{signal.name}",
            alarm_description=f"{signal.about}. No data: {signal.silence_why}.",
            metric=signal.metric,
            threshold=signal.limit,
            comparison_operator=_BELOW if signal.below else _ABOVE,
            evaluation_periods=signal.periods,
            datapoints_to_alarm=signal.points,
            treat_missing_data=signal.silence,
        )
        alarm.add_alarm_action(self._action)
        alarm.add_ok_action(self._action)
        return alarm
