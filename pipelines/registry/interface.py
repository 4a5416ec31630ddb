"""A version of the model, and what a registry does with versions: in SageMaker, or in a folder."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


class Approval(enum.StrEnum):
    """Whether a version may serve; the values are SageMaker's."""

    PENDING = "PendingManualApproval"
    APPROVED = "Approved"
    REJECTED = "Rejected"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What is registered.

    Attributes:
        image: the serving image, by digest (`...@sha256:...`); a local run names its fingerprint.
        model_data: prefix or .tar.gz in S3, or a folder.
        model_sha256: the artifact's name for good: the sha256 over its manifest.
        environment: what the container is started with.
        plan: the memory plan for the instance it was tried on.
        metrics: what the gates looked at, by name, such as `perplexity` and `ttft_p95_s`.
        card: the model card's content.
        properties: short texts to find a version by (at most 50).
    """

    image: str
    model_data: str
    model_sha256: str
    environment: Mapping[str, str]
    plan: Mapping[str, Any]
    metrics: Mapping[str, float]
    card: Mapping[str, Any] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    approval: Approval = Approval.PENDING


@dataclass(frozen=True, kw_only=True)
class Version:
    """A registered candidate.

    Attributes:
        name: the registry's own name of it: an ARN, or a folder.
        number: counts from 1; a later one is newer.
    """

    name: str
    number: int
    created: datetime
    candidate: Candidate

    @property
    def approval(self) -> Approval:
        """Whether it may serve."""
        return self.candidate.approval


class Registry(Protocol):
    """Where versions are kept."""

    def register(self, candidate: Candidate) -> Version:
        """Keep a candidate as a new version; the same candidate again is the same version.

        Raises:
            RegistryError: it is refused.
        """

    def versions(self) -> list[Version]:
        """All versions, the newest first."""

    def get(self, number: int) -> Version:
        """One version.

        Raises:
            RegistryError: there is none of this number.
        """

    def decide(self, version: Version, approval: Approval, why: str = "") -> Version:
        """Approve or reject; doing it twice changes nothing."""


def latest_approved(registry: Registry, before: int | None = None) -> Version | None:
    """The newest version that may serve, optionally only of those below a number."""
    for version in registry.versions():
        if version.approval is Approval.APPROVED and (before is None or version.number < before):
            return version
    return None
