"""Lambda function: the endpoint changed its state; finish what that ended.

An update that was taken back rejects its version; one that ended well gets its autoscaling again
and what served before is swept away. All of that is part of converging, so this is `deploy` again:
it reads the endpoint itself and believes no event.
"""

from __future__ import annotations

from pipelines.functions.deploy import handle
from pipelines.functions.runtime import on_lambda

handler = on_lambda(handle)

__all__ = ["handle", "handler"]
