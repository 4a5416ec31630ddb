"""Who looks at it all: dashboard, alarms, and the topic that tells people."""

from __future__ import annotations

from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure.settings import Stage
from infrastructure.stacks.base import StageStack
from infrastructure.stacks.chat import ChatStack
from infrastructure.stacks.models import Backends
from infrastructure.watch.alarms import Alarms
from infrastructure.watch.dashboard import Dashboard
from infrastructure.watch.topic import AlarmTopic
from infrastructure.watch.watched import Watched


class WatchStack(StageStack):
    """The last stack: it names parts of all others, and none of them names it."""

    def __init__(
        self,
        scope: Construct,
        *,
        stage: Stage,
        chat: ChatStack,
        models: Backends,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, "watch", stage=stage, about="dashboard, alarms")
        watched = _watched(chat, models)
        topic = AlarmTopic(self, "Topic", stage=stage, key=key).topic
        alarms = Alarms(self, "Alarms", stage=stage, topic=topic, watched=watched)
        Dashboard(self, "Dashboard", stage=stage, watched=watched, alarms=alarms)


def _watched(chat: ChatStack, models: Backends) -> Watched:
    queues = chat.dead_letters
    return Watched(
        api=chat.api.api.rest_api_name,
        api_stage=chat.api.stage_name,
        function=chat.orchestrator.function.function_name,
        sweeper=chat.sweeper.function.function_name,
        consumer=chat.consumer.function.function_name,
        dead_letters={"sweeps": queues.sweeps.queue_name, "events": queues.events.queue_name},
        endpoint=models.endpoint.name,
        variant=models.endpoint.variant,
        component=models.endpoint.component,
        fleet_group=models.fleet.group_name if models.fleet else "",
        fleet_balancer=models.fleet.balancer_name if models.fleet else "",
    )
