"""Who may do what: one policy for each role, made for one deployment's names.

    POLICIES["deploy"](names, account, region, bucket) -> {"Version": ..., "Statement": [...]}
    TRUST["deploy"] -> who may take the role

A role is `names.role(part)`. Actions are spelled out, resources carry the deployment's prefix. The
tests run the whole life of a version and hold every call against these documents.
"""

from pipelines.policies.documents import Policy
from pipelines.policies.images import build, build_finished, build_image
from pipelines.policies.production import execution, production
from pipelines.policies.trials import judge, pipeline, register, steps, teardown
from pipelines.policies.trust import TRUST

POLICIES: dict[str, Policy] = {
    "pipeline": pipeline,
    "steps": steps,
    "execution": execution,
    "build": build,
    "build-image": build_image,
    "build-finished": build_finished,
    "judge": judge,
    "register": register,
    "teardown": teardown,
    "deploy": production,
    "deploy-finished": production,
}

__all__ = ["POLICIES", "TRUST", "Policy"]
