"""What can go wrong with the edge; the message says what was wrong and what would be right.

InfrastructureError
|-- SettingsError      a stage's settings cannot be used; names stage, key and value
|-- SynthesisError     the app cannot be made: no Node, no template, no page to upload
`-- DeploymentError    cdk is not there, refuses, or would touch another account
"""

from __future__ import annotations


class InfrastructureError(Exception):
    """Base of what this package raises on purpose."""


class SettingsError(InfrastructureError):
    """A setting is missing, unknown, out of bounds, or contradicts another one."""


class SynthesisError(InfrastructureError):
    """The app cannot be synthesised here."""


class DeploymentError(InfrastructureError):
    """The stage cannot be compared, deployed or destroyed from here."""
