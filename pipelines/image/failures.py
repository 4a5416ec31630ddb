"""AWS's own word for what went wrong, for those answers that are no failure here."""

from __future__ import annotations

from botocore.exceptions import ClientError


def error_code(error: ClientError) -> str:
    """The code, such as `ImageNotFoundException`."""
    code: str = error.response.get("Error", {}).get("Code", "")
    return code
