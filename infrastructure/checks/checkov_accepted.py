"""What checkov finds and we mean: each with its reason."""

from __future__ import annotations

from infrastructure.checks.accepted import Accepted

_HELPERS = ("*/AWS679f53fac002430cb0da5b7982bd2287", "*/Custom::*")
_LOG_BUCKETS = ("data/Texts/AccessLogs", "edge/Logs/Bucket", "models/Fleet/Balancer/Logs/Bucket")

ACCEPTED: tuple[Accepted, ...] = (
    *(
        Accepted(rule, where, f"the CDK's own helper runs while a stack is deployed: {reason}")
        for where in _HELPERS
        for rule, reason in (
            ("CKV_AWS_115", "it needs no share of the concurrency"),
            ("CKV_AWS_116", "what fails there fails the deployment, which says so"),
            ("CKV_AWS_117", "it calls AWS alone, and the VPC has no way to those services"),
        )
    ),
    Accepted(
        "CKV_AWS_173",
        "edge/Custom::CDKBucketDeployment*",
        "the CDK's own helper is told the address of a CA bundle, which is no secret",
    ),
    Accepted(
        "CKV_AWS_111",
        "chat/*/Role/DefaultPolicy",
        "X-Ray and the interfaces of a function in a VPC know no resources; another statement "
        "keeps the function's code from using those interfaces' actions",
    ),
    Accepted(
        "CKV_AWS_115",
        "chat/*/Function",
        "how much of the account's concurrency is reserved is a setting of the stage",
    ),
    Accepted(
        "CKV_AWS_116",
        "chat/*/Function",
        "sources hand what fails to the queues by destinations; the API's calls are synchronous",
    ),
    Accepted(
        "CKV_AWS_120",
        "chat/Api/Api/DeploymentStage.*",
        "answers belong to one user each, and are streams: nothing may be cached",
    ),
    *(
        Accepted(
            "CKV_AWS_59",
            f"chat/Api/Api/Default/v1/{path}/GET",
            "health and the API's description are open; they hold nobody's data",
        )
        for path in ("health", "openapi.json")
    ),
    *(
        Accepted("CKV_AWS_18", where, "a bucket of logs that logs itself would never be at rest")
        for where in (
            "data/Texts/AccessLogs",
            "edge/Logs/Bucket",
            "models/Fleet/Balancer/Logs/Bucket",
        )
    ),
    Accepted(
        "CKV_AWS_21",
        "data/Texts/*",
        "without versions deleted is deleted; texts are named by content and written once",
    ),
    Accepted(
        "CKV_AWS_158",
        "firewall/Firewall/Log",
        "us-east-1 has no key of the stage; the log holds addresses and redacted requests",
    ),
)
