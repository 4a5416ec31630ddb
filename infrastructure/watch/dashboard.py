"""One dashboard for a stage."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infrastructure.settings import Stage
from infrastructure.watch.alarms import Alarms
from infrastructure.watch.watched import Watched
from infrastructure.watch.widgets import WIDTH, rows


class Dashboard(Construct):
    """All alarms at the top, then row by row.

    Attributes:
        dashboard: named after the stage.
    """

    def __init__(
        self, scope: Construct, id: str, *, stage: Stage, watched: Watched, alarms: Alarms
    ) -> None:
        super().__init__(scope, id)
        status = cloudwatch.AlarmStatusWidget(
            title="Alarms", alarms=list(alarms.all.values()), width=WIDTH, height=3
        )
        self.dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=f"{stage.prefix}-{stage.name}",
            widgets=[[status], *(list(row) for row in rows(stage, watched))],
        )
