"""The chat page in its bucket, which CloudFront alone can read, and what it is told: /config.json.

    assets/*       the hash of the content in each name: kept for ever by browsers and CloudFront
    all the rest   asked for again each time
    config.json    written here: who signs people in

With the context `package=real`, which deploying sets, that is the built page (`make web`), and one
that is not built is an error. Any other synthesis takes a placeholder, so that its templates are
the same on every machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as deployment
from constructs import Construct

from infrastructure.edge.logs import PAGE_PREFIX, AccessLogs
from infrastructure.edge.sign_in import SignInPool
from infrastructure.errors import SynthesisError
from infrastructure.settings import Stage

BUILT_PAGE = Path(__file__).resolve().parents[2] / "web" / "dist"
INDEX = "index.html"
ASSETS = "assets"
PLACEHOLDER = "<!doctype html><title>Keepwarm</title><h1>The page is not here</h1>\n"

_FOREVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"


class Page(Construct):
    """The bucket and its content.

    Files of older builds stay: a tab that was opened before a deployment still asks for them.

    Attributes:
        bucket: private, versioned, over TLS alone.

    Raises:
        SynthesisError: this is for a deployment, and the page is not built.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        sign_in: SignInPool,
        logs: AccessLogs,
        built: Path = BUILT_PAGE,
    ) -> None:
        super().__init__(scope, id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            versioned=True,
            server_access_logs_bucket=logs.bucket,
            server_access_logs_prefix=f"{PAGE_PREFIX}/",
            lifecycle_rules=[
                s3.LifecycleRule(
                    noncurrent_version_expiration=cdk.Duration.days(30),
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
                )
            ],
            removal_policy=cdk.RemovalPolicy.RETAIN if stage.retains else cdk.RemovalPolicy.DESTROY,
            auto_delete_objects=not stage.retains,  # a bucket that holds something stays
        )
        self._fill(built, page_config(sign_in))

    def _fill(self, built: Path, config: dict[str, Any]) -> None:
        """Assets first, so that no index ever names one that is not there yet."""
        told = deployment.Source.json_data("config.json", config)
        if self.node.try_get_context("package") != "real":
            placeholder = deployment.Source.data(INDEX, PLACEHOLDER)
            self._deploy("Page", [placeholder, told], _ASK_AGAIN)
            return
        _check_built(built)
        assets = self._deploy(
            "Assets", [deployment.Source.asset(str(built / ASSETS))], _FOREVER, prefix=ASSETS
        )
        others = deployment.Source.asset(str(built), exclude=[ASSETS])
        rest = self._deploy("Page", [others, told], _ASK_AGAIN)
        rest.node.add_dependency(assets)

    def _deploy(
        self, name: str, sources: list[deployment.ISource], caching: str, *, prefix: str = ""
    ) -> deployment.BucketDeployment:
        return deployment.BucketDeployment(
            self,
            name,
            destination_bucket=self.bucket,
            destination_key_prefix=prefix or None,
            sources=sources,
            cache_control=[deployment.CacheControl.from_string(caching)],
            prune=False,
            memory_limit=512,
        )


def _check_built(built: Path) -> None:
    if not (built / INDEX).is_file():
        raise SynthesisError(
            f"there is no {INDEX} in {built.parent.name}/{built.name}; build the page with "
            "`make web`, then deploy again"
        )


def page_config(sign_in: SignInPool) -> dict[str, Any]:
    """What the page has to know about where it runs; nothing of what only a local stack shows."""
    return {
        "identity": {
            "kind": "oidc",
            "issuer": sign_in.issuer,
            "client_id": sign_in.client_id,
            "scope": " ".join(sign_in.scopes),
        }
    }
