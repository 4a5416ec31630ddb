"""The `aws` command, as far as a script uses it: arguments to a boto3 call on a fake, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jmespath
from botocore import xform_name
from botocore.exceptions import ClientError

from pipelines.testing.control_plane import ControlPlane

PASSED_OVER = ("--only-show-errors",)
FAILED = 254


class AwsCommand:
    """Runs what follows `aws`; `role` is who calls."""

    def __init__(self, plane: ControlPlane, role: str) -> None:
        self._plane, self._role = plane, role
        self._clients: dict[str, Any] = {}

    def run(self, arguments: list[str]) -> tuple[int, str]:
        """Exit code, and what is printed."""
        if arguments[:2] == ["ecr", "get-login-password"]:
            self._plane.client("sts", self._role).get_caller_identity()
            return 0, "password\n"
        if arguments[:2] == ["s3", "cp"]:
            return self._copy(*(one for one in arguments[2:] if one not in PASSED_OVER))
        service, operation, *rest = arguments
        return self._call(service, operation, _options(rest))

    def _copy(self, source: str, target: str) -> tuple[int, str]:
        bucket, _, key = target.removeprefix("s3://").partition("/")
        body = Path(source).read_bytes()
        return self._answer("s3", "put_object", {"Bucket": bucket, "Key": key, "Body": body})

    def _call(self, service: str, operation: str, options: dict[str, list[str]]) -> tuple[int, str]:
        (query,) = options.pop("query", ["@"])
        options.pop("output", None)
        client = self._client(service)
        method = operation.replace("-", "_")
        model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method])
        members = {xform_name(name).replace("_", "-"): name for name in model.input_shape.members}
        parameters = {
            members[name]: _value(model.input_shape.members[members[name]], values)
            for name, values in options.items()
        }
        return self._answer(service, method, parameters, query)

    def _answer(
        self, service: str, method: str, parameters: dict[str, Any], query: str = "@"
    ) -> tuple[int, str]:
        try:
            answer = getattr(self._client(service), method)(**parameters)
        except ClientError as error:
            return FAILED, f"{error}\n"
        return 0, f"{jmespath.search(query, answer)}\n"

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._plane.client(service, self._role)
        return self._clients[service]


def _options(arguments: list[str]) -> dict[str, list[str]]:
    options: dict[str, list[str]] = {}
    name = ""
    for argument in arguments:
        if argument.startswith("--"):
            name = argument.removeprefix("--")
            options[name] = []
        else:
            options[name].append(argument)
    return options


def _value(shape: Any, values: list[str]) -> Any:
    if shape.type_name == "list":
        return [_value(shape.member, [value]) for value in values]
    (value,) = values
    if shape.type_name == "structure":
        return dict([value.split("=", 1)])
    if shape.type_name in ("integer", "long"):
        return int(value)
    if value.startswith("fileb://"):
        return Path(value.removeprefix("fileb://")).read_bytes()
    if value.startswith("file://"):
        return Path(value.removeprefix("file://")).read_text()
    return value
