"""A build has ended: the request that it was started for goes back to the queue.

There `build_image` looks at what came of it. So every answer to the pipeline has the queue's
patience behind it, and an event that comes twice does no harm.
"""

from __future__ import annotations

from pipelines.aws import Clients
from pipelines.functions.runtime import Event, Result, on_lambda
from pipelines.image.builds import Builds
from pipelines.image.queue import BuildQueue
from pipelines.settings import DeploymentSettings


def handle(event: Event, clients: Clients, settings: DeploymentSettings) -> Result:
    """Take CodeBuild's event; builds that nobody waits for are left alone."""
    detail = event["detail"]
    build = Builds(clients.client("codebuild"), settings.names.build_project).get(
        detail["build-id"]
    )
    if build is None or build.request is None or build.runs:
        return {"build": detail["build-id"], "sent": False}
    BuildQueue(clients.client("sqs"), settings.names.build_queue).send(build.request)
    return {"build": build.identity, "sent": True, "status": build.status}


handler = on_lambda(handle)
