"""Where the model runs: the SageMaker endpoint and the fleet beside it."""

from __future__ import annotations

from dataclasses import dataclass

from infrastructure.settings.fields import setting

MOST_RUNNING = 1024
"""Of one copy, by the engine; a test holds it against `serving.memory_plan`."""

_IMAGE = r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/[a-z0-9._/-]+@sha256:[0-9a-f]{64}"
_IMAGE_WORDS = "an image in ECR by its digest, ...amazonaws.com/NAME@sha256:..."
_S3 = r"s3://[a-z0-9.-]{3,63}/.+"


@dataclass(frozen=True, kw_only=True)
class Model:
    """The SageMaker endpoint: one that exists, one of ours, or one of inference components."""

    kind: str = setting(
        "existing", "whose endpoint it is", choices=("existing", "endpoint", "components")
    )
    endpoint_name: str = setting(
        "",
        "name of the endpoint; required for an existing one",
        pattern=r"[A-Za-z0-9](-?[A-Za-z0-9]){0,62}",
        like="letters, digits and hyphens",
    )
    package_arn: str = setting(
        "",
        "approved version in the model registry; or image_uri and data_url",
        pattern=r"arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:\d{12}:model-package/.+",
        like="the ARN of a model package",
    )
    image_uri: str = setting("", "the serving image, by digest", pattern=_IMAGE, like=_IMAGE_WORDS)
    data_url: str = setting(
        "", "prefix of the packed model", pattern=_S3, like="s3://bucket/prefix/"
    )
    instance_type: str = setting(
        "ml.g6.xlarge",
        "type of an instance",
        pattern=r"ml\.[a-z0-9-]+\.[a-z0-9]+",
        like="an instance type such as ml.g6.xlarge",
    )
    min_instances: int = setting(
        1, "instances at least; 0 only with scale_to_zero", low=0, high=1000
    )
    max_instances: int = setting(4, "instances at most", low=1, high=1000)
    concurrency: int = setting(
        0,
        "sessions of one instance by the memory plan; 0: read from plan_file",
        low=0,
        high=MOST_RUNNING,
    )
    plan_file: str = setting("", "plan document of `keepwarm plan`, beside the stages file")
    context_tokens: int = setting(8192, "tokens of a session at most", low=16, high=10_000_000)
    prefix_length: int = setting(
        1024, "bytes of a body that PREFIX_AWARE routing hashes", low=1024, high=65536
    )
    inference_ami: str = setting(
        "al2023-ami-sagemaker-inference-gpu-4-1", "InferenceAmiVersion: the host's GPU driver"
    )
    startup_seconds: int = setting(
        1800, "seconds that download and start of the container may take each", low=60, high=3600
    )
    scale_to_zero: bool = setting(False, "components only: no copies and no instances when idle")
    copies_min: int = setting(1, "components: copies of the model at least", low=0, high=1000)
    copies_max: int = setting(4, "components: copies at most", low=1, high=1000)


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """EC2 instances with the same image, as a second backend."""

    enabled: bool = setting(False, "whether there is one")
    image_uri: str = setting("", "the serving image, by digest", pattern=_IMAGE, like=_IMAGE_WORDS)
    model_uri: str = setting(
        "", "prefix of the packed model", pattern=_S3, like="s3://bucket/prefix/"
    )
    instance_types: tuple[str, ...] = setting(
        ("g6.xlarge", "g5.xlarge"),
        "types to mix, the first one preferred",
        pattern=r"[a-z0-9-]+\.[a-z0-9]+",
        like="instance types such as g6.xlarge",
    )
    min_instances: int = setting(0, "instances at least", low=0, high=1000)
    max_instances: int = setting(4, "instances at most", low=1, high=1000)
    on_demand_base: int = setting(1, "instances that are never spot", low=0, high=1000)
    spot_percent: int = setting(50, "share of spot among the others", low=0, high=100)
    ami_parameter: str = setting(
        "/aws/service/deeplearning/ami/x86_64/"
        "base-oss-nvidia-driver-gpu-amazon-linux-2023/latest/ami-id",
        "public parameter of the machine image",
        pattern=r"/[\w./-]+",
        like="the name of an SSM parameter",
    )
    volume_gb: int = setting(200, "disk of an instance", low=50, high=16_384)
    concurrency: int = setting(
        0,
        "sessions of one instance by the memory plan; required when enabled",
        low=0,
        high=MOST_RUNNING,
    )
