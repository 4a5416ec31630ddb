"""What can go wrong in a pipeline step; the message says what was wrong and what would be right.

PipelineError
|-- SettingsError      a setting is missing or cannot be
|-- PlanError          a plan cannot be made of what was asked for
|-- ArtifactError      the artifact cannot be read or written at all
|-- DocumentError      a step's result is not there or not what it should be
|-- BuildError         the image cannot be built, or was refused
|-- StagingError       the candidate does not come up, or does not answer
|-- RegistryError      the registry has no such version, or refuses one
`-- DeployError        the endpoint cannot be updated, or was rolled back
"""

from __future__ import annotations


class PipelineError(Exception):
    """Base of what a step raises on purpose."""


class SettingsError(PipelineError):
    """A setting is missing or cannot be; the message names it."""


class PlanError(PipelineError):
    """No plan can be made: unknown instance type, a degree that does not divide, no such model."""


class ArtifactError(PipelineError):
    """The artifact is not there, cannot be read, or its place is taken."""


class DocumentError(PipelineError):
    """A step's result is missing, is no JSON, or lacks what the next step needs."""


class BuildError(PipelineError):
    """The image cannot be built, has findings that refuse it, or is not there."""


class StagingError(PipelineError):
    """The candidate's endpoint does not come up, or does not answer as it must."""


class RegistryError(PipelineError):
    """There is no such version, or the registry refuses what it was given."""


class DeployError(PipelineError):
    """The endpoint cannot be updated, or went back to what it served before."""
