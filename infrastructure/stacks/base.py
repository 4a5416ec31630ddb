"""What all stacks of a stage have in common: name, place, protection."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from infrastructure.settings import Stage
from infrastructure.stacks.names import stack_name

CLOUDFRONT_REGION = "us-east-1"


class StageStack(cdk.Stack):
    """One stack of a stage, `PREFIX-STAGE-PART`.

    A stage that retains its data protects its stacks from being deleted, too.
    """

    def __init__(
        self, scope: Construct, part: str, *, stage: Stage, about: str, region: str = ""
    ) -> None:
        super().__init__(
            scope,
            stack_name(stage, part),
            env=cdk.Environment(account=stage.account, region=region or stage.region),
            description=f"Keepwarm {stage.name}: {about}",
            termination_protection=stage.retains,
            cross_region_references=True,
            analytics_reporting=False,
        )
