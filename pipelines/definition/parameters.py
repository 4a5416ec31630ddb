"""What may be told to one execution of the pipeline, and what holds when nothing is told.

SageMaker refuses a parameter whose value is empty, so what is left open has a word of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.errors import SettingsError

BUILD = "build"
"""ImageUri: build the image of these sources, unless it is there already."""

LONGEST = 1024


@dataclass(frozen=True)
class Parameter:
    """One parameter of the pipeline.

    Attributes:
        name: as SageMaker shows it.
        about: the sentence that help and docs show.
        default: None: a deployment or the caller must say it. Its type is the parameter's.
        setting: the field of DeploymentSettings that takes the default's place.
    """

    name: str
    about: str
    default: str | int | None = None
    setting: str = ""

    @property
    def kind(self) -> str:
        """SageMaker's name of its type."""
        return "Integer" if isinstance(self.default, int) else "String"


PARAMETERS = (
    Parameter("WeightsUri", "the model: an s3:// prefix as `keepwarm model pack` lays it out"),
    Parameter("ImageUri", "image by its digest, or `build`", BUILD),
    Parameter("InstanceType", "of the staging endpoint", "ml.g6e.2xlarge", "instance"),
    Parameter(
        "InferenceAmiVersion",
        "the driver of its host",
        "al2023-ami-sagemaker-inference-gpu-4-1",
        "ami",
    ),
    Parameter("Context", "tokens of a session at most", "8192", "context"),
    Parameter("Approval", "manual: a person approves; auto: the gates do", "manual", "approval"),
    Parameter("Against", "what the gates compare with: latest, none, or a version", "latest"),
    Parameter("StartupTimeoutSeconds", "to answer /ping", 1200, "startup_timeout_s"),
    Parameter("DownloadTimeoutSeconds", "for the weights to arrive", 1800, "download_timeout_s"),
    Parameter("CpuInstanceType", "where weights are validated and tests run", "ml.m5.2xlarge"),
    Parameter("ModelVolumeGb", "disk there: the weights must fit on it", 200),
    Parameter("CodeUri", "the pipeline's own sources, by their content"),
    Parameter("ImageSource", "what the image is built from, by its content"),
    Parameter("Fingerprint", "of the image that these sources make"),
)

NAMES = tuple(one.name for one in PARAMETERS)


def checked(values: Mapping[str, str]) -> dict[str, str]:
    """Values for one execution, as StartPipelineExecution takes them.

    Raises:
        SettingsError: there is no such parameter, or SageMaker would refuse the value.
    """
    known = {one.name: one for one in PARAMETERS}
    for name, value in values.items():
        if name not in known:
            raise SettingsError(f"there is no parameter {name!r}; known: {', '.join(NAMES)}")
        if not 1 <= len(value) <= LONGEST:
            raise SettingsError(f"{name} must have 1 to {LONGEST} characters, got {len(value)}")
        if known[name].kind == "Integer" and not value.isdecimal():
            raise SettingsError(f"{name} must be a whole number, got {value!r}")
    return dict(values)
