"""Tags of SageMaker's resources."""

from __future__ import annotations

from typing import Any

from pipelines.testing.control_plane.part import Answer, Parameters, Part, page


class Tags(Part):
    """AddTags, ListTags, DeleteTags.

    Attributes:
        items: by ARN.
    """

    service = "sagemaker"

    def __init__(self, plane: Any) -> None:
        super().__init__(plane)
        self.items: dict[str, dict[str, str]] = {}

    def add_tags(self, parameters: Parameters) -> Answer:
        self.keep(parameters["ResourceArn"], parameters["Tags"])
        return {"Tags": parameters["Tags"]}

    def list_tags(self, parameters: Parameters) -> Answer:
        found = self.items.get(parameters["ResourceArn"], {})
        rows = [{"Key": key, "Value": value} for key, value in found.items()]
        return page(rows, parameters, "Tags", default=50)

    def delete_tags(self, parameters: Parameters) -> Answer:
        for key in parameters["TagKeys"]:
            self.items.get(parameters["ResourceArn"], {}).pop(key, None)
        return {}

    def keep(self, arn: str, tags: list[dict[str, str]]) -> None:
        """Put tags on a resource."""
        self.items.setdefault(arn, {}).update({one["Key"]: one["Value"] for one in tags})

    def forget(self, arn: str) -> None:
        """A resource went, and its tags with it."""
        self.items.pop(arn, None)
