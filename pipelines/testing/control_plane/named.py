"""Things that have a name, are made once, described, listed and deleted: most of SageMaker."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from pipelines.testing.control_plane.part import Answer, ApiError, Parameters, Part, page
from pipelines.testing.control_plane.tags import Tags


class Named(Part):
    """A part that keeps such things.

    Attributes:
        kind: the noun of the operations, such as `EndpointConfig`; ARNs have it in kebab case.
        items: by name, what the client gave, and what the fake added.
    """

    service = "sagemaker"
    kind: ClassVar[str]
    path: ClassVar[str]

    def __init__(self, plane: Any) -> None:
        super().__init__(plane)
        self.items: dict[str, Answer] = {}

    def resources(self) -> Iterable[str]:
        """`model/name`, and so on."""
        return (f"{self.path}/{name}" for name in self.items)

    def create(self, parameters: Parameters) -> Answer:
        """Keep a new one; its ARN.

        Raises:
            ApiError: there is one of this name.
        """
        name, arn = parameters[f"{self.kind}Name"], self.arn_of(parameters[f"{self.kind}Name"])
        if name in self.items:
            raise invalid(f'Cannot create already existing {self._words} "{arn}".')
        given = {key: value for key, value in parameters.items() if key != "Tags"}
        self.items[name] = {**given, f"{self.kind}Arn": arn, "CreationTime": self.now}
        self.plane.part(Tags).keep(arn, parameters.get("Tags", []))
        return {f"{self.kind}Arn": arn}

    def find(self, parameters: Parameters) -> Answer:
        """The one that is named.

        Raises:
            ApiError: there is none.
        """
        name = parameters[f"{self.kind}Name"]
        if name not in self.items:
            raise invalid(f'Could not find {self._words} "{self.arn_of(name)}".')
        return self.items[name]

    def delete(self, parameters: Parameters) -> Answer:
        """Forget one.

        Raises:
            ApiError: there is none.
        """
        self.forget(self.find(parameters)[f"{self.kind}Name"])
        return {}

    def forget(self, name: str) -> None:
        """Let one be gone, and its tags."""
        self.plane.part(Tags).forget(self.items.pop(name)[f"{self.kind}Arn"])

    def listed(self, parameters: Parameters, *fields: str) -> Answer:
        """A page of those that the filters let through."""
        wanted = parameters.get("NameContains", "")
        found = [item for name, item in sorted(self.items.items()) if wanted in name]
        keys = (f"{self.kind}Name", f"{self.kind}Arn", "CreationTime", *fields)
        rows = [{key: item[key] for key in keys} for item in found]
        return page(rows, parameters, f"{self.kind}s")

    def arn_of(self, name: str) -> str:
        """The ARN for a name."""
        return self.arn(f"{self.path}/{name}")

    @property
    def _words(self) -> str:
        return self.path.replace("-", " ")


def invalid(message: str) -> ApiError:
    """What SageMaker says to nearly everything."""
    return ApiError("ValidationException", message)
