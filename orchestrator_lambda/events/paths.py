"""The path that routes are matched against: decoded once, without what the front door adds.

What comes encoded, and what decoded:

    | event               | path    | query                          |
    | ------------------- | ------- | ------------------------------ |
    | REST API            | encoded | decoded                        |
    | HTTP API, 1.0       | decoded | decoded                        |
    | HTTP API, 2.0       | decoded | encoded, in one text           |
    | function URL        | encoded | encoded, in one text           |
    | load balancer       | encoded | encoded, names and values      |
    | direct              | decoded | decoded                        |

Stage and base path of an API stand in front of what the API itself matched: `resource` or
`routeKey` with the path's parameters filled in tells how much of the path is the API's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from orchestrator_lambda.errors import InvalidRequest
from orchestrator_lambda.events.fields import Pairs, text

MAX_QUERY_FIELDS = 200

_PARAMETER = re.compile(r"\{([^}/+]+)\+?\}")


def decoded(path: str) -> str:
    """Percent-decoded once; bytes that are no UTF-8 become U+FFFD, which no route has."""
    return unquote(path, errors="replace")


def without_prefix(path: str, prefix: str) -> str:
    """`path` without a leading `prefix`, if it has it as whole segments."""
    if prefix and (path == prefix or path.startswith(f"{prefix}/")):
        return path[len(prefix) :] or "/"
    return path


def matched_by_api(path: str, template: str, parameters: Mapping[str, Any]) -> str | None:
    """The part of `path` that the API's route `template` matched; None where that is unclear."""
    if not template.startswith("/"):
        return None
    if not all(text(parameters.get(name)) for name in _PARAMETER.findall(template)):
        return None
    filled = _PARAMETER.sub(lambda name: text(parameters.get(name[1])), template)
    return filled if path.endswith(filled) else None


def slashed(path: str) -> str:
    """With the slash that every path begins with."""
    return path if path.startswith("/") else f"/{path}"


def query_pairs(raw: str) -> Pairs:
    """Parameters of an encoded query text.

    Raises:
        InvalidRequest: there are too many.
    """
    try:
        return parse_qsl(
            raw, keep_blank_values=True, errors="replace", max_num_fields=MAX_QUERY_FIELDS
        )
    except ValueError:
        raise InvalidRequest(f"the query has more than {MAX_QUERY_FIELDS} parameters") from None
