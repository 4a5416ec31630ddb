"""Properties of a template against the request of the API that CloudFormation makes of them."""

from __future__ import annotations

from functools import cache
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

FILLED_IN = "filled-in-at-deployment"


def check_request(service: str, operation: str, properties: dict[str, Any]) -> None:
    """Refuse what the API would: unknown members, missing ones, wrong types, wrong words.

    Raises:
        AssertionError: with botocore's own words.
    """
    shape = _model(service).operation_model(operation).input_shape
    request = _plain(properties)
    report = ParamValidator().validate(request, shape)
    assert not report.has_errors(), report.generate_report()
    _check_words(request, shape, operation)


def _check_words(value: Any, shape: Any, path: str) -> None:
    """botocore does not look at enumerations; the service does."""
    if shape.type_name == "structure":
        for name, one in value.items():
            _check_words(one, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list":
        for one in value:
            _check_words(one, shape.member, path)
    elif shape.type_name == "string" and shape.enum:
        assert value in shape.enum, f"{path}: {value!r} is none of {shape.enum}"


def _plain(value: Any) -> Any:
    """A template's value with a text for everything that is known only at deployment."""
    if isinstance(value, dict):
        if len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref")):
            return FILLED_IN
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value


@cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)
