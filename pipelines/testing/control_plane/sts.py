"""Who am I: the one call of STS that everybody makes."""

from __future__ import annotations

from pipelines.testing.control_plane.part import Answer, Parameters, Part


class Sts(Part):
    """GetCallerIdentity."""

    service = "sts"

    def get_caller_identity(self, parameters: Parameters) -> Answer:
        arn = self.arn("assumed-role/test/test")
        return {"Account": arn.split(":")[4], "Arn": arn, "UserId": "test"}
