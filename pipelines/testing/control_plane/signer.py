"""AWS Signer's profiles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipelines.testing.control_plane.part import Answer, ApiError, Parameters, Part


class Signer(Part):
    """PutSigningProfile and GetSigningProfile.

    Attributes:
        profiles: platform by name.
    """

    service = "signer"

    def __init__(self, plane: Any) -> None:
        super().__init__(plane)
        self.profiles: dict[str, str] = {}

    def resources(self) -> Iterable[str]:
        return (f"signing-profile/{name}" for name in self.profiles)

    def put_signing_profile(self, parameters: Parameters) -> Answer:
        name = parameters["profileName"]
        if name in self.profiles:
            raise ApiError("ValidationException", f"Profile {name} already exists.")
        self.profiles[name] = parameters["platformId"]
        return {"arn": self._arn(name), "profileVersion": "0000000001"}

    def get_signing_profile(self, parameters: Parameters) -> Answer:
        name = parameters["profileName"]
        if name not in self.profiles:
            raise ApiError("ResourceNotFoundException", f"Profile {name} not found.", 404)
        return {
            "profileName": name,
            "platformId": self.profiles[name],
            "status": "Active",
            "arn": self._arn(name),
        }

    def _arn(self, name: str) -> str:
        return self.arn(f"/signing-profiles/{name}")
