"""boto3 for the Lambda functions' zip: the version that was tested, with the services they use.

Lambda's own boto3 follows months later, and refuses fields that it does not know yet. The service
models are most of its size, so only those that are asked for come along.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import PurePosixPath

from pipelines.errors import SettingsError

DISTRIBUTIONS = (
    "boto3",
    "botocore",
    "jmespath",
    "python-dateutil",
    "s3transfer",
    "six",
    "urllib3",
)
SERVICES = (
    "application-autoscaling",
    "cloudwatch",
    "codebuild",
    "ecr",
    "s3",
    "sagemaker",
    "sagemaker-runtime",
    "sqs",
    "sts",
)
DATA = PurePosixPath("botocore/data")
LEFT_OUT = ("boto3/examples/", "urllib3/contrib/emscripten/")
SUFFIXES = (".py", ".json", ".gz", ".pem", ".typed")


def boto3_files() -> dict[str, bytes]:
    """Files by their path in the zip.

    Raises:
        SettingsError: boto3 is not installed here.
    """
    found: dict[str, bytes] = {}
    for name in DISTRIBUTIONS:
        try:
            files = metadata.files(name) or []
        except metadata.PackageNotFoundError as error:
            raise SettingsError("this needs boto3: pip install 'keepwarm[pipelines]'") from error
        for one in files:
            path = PurePosixPath(one)
            if _is_wanted(path):
                found[path.as_posix()] = one.read_binary()
    return found


def _is_wanted(path: PurePosixPath) -> bool:
    if path.suffix not in SUFFIXES or ".." in path.parts or "__pycache__" in path.parts:
        return False
    if path.parts[0].endswith(".dist-info") or path.as_posix().startswith(LEFT_OUT):
        return False
    if path.is_relative_to(DATA) and len(path.relative_to(DATA).parts) > 1:
        return path.relative_to(DATA).parts[0] in SERVICES
    return True
