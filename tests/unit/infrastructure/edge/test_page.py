"""The page's bucket and what is put into it."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from infrastructure.edge.logs import AccessLogs
from infrastructure.edge.page import BUILT_PAGE, PLACEHOLDER, Page, page_config
from infrastructure.edge.sign_in import CALLBACK_PATH, SignInPool
from infrastructure.errors import SynthesisError
from tests.support.edge_boxes import REGION, Resource, edge_stage, edge_templates

SOURCES = BUILT_PAGE.parent / "src"
DEPLOYMENT = "Custom::CDKBucketDeployment"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page as the build leaves it."""
    folder = tmp_path_factory.mktemp("web") / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "theme.js").write_text("// theme")
    (folder / "assets" / "index-Zz0UFpyz.js").write_text("// page")
    return folder


def test_nobody_reads_the_bucket_but_through_cloudfront():
    (bucket,) = [one for name, one in _buckets() if "Page" in name]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_no_bucket_of_the_edge_takes_requests_without_tls():
    policies = edge_templates().edge.of_type("AWS::S3::BucketPolicy")
    assert len(policies) == len(list(_buckets()))
    for policy in policies:
        denied = [one for one in policy["PolicyDocument"]["Statement"] if one["Effect"] == "Deny"]
        assert denied[0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_stage_that_lets_go_empties_its_buckets_and_a_kept_one_does_not():
    emptied = edge_templates("plain").edge.of_type("Custom::S3AutoDeleteObjects")
    assert len(emptied) == len(list(_buckets()))
    assert edge_templates("kept").edge.of_type("Custom::S3AutoDeleteObjects") == []


def test_hashed_files_come_first_and_are_kept_for_ever(built: Path, tmp_path: Path):
    resources, folder = _synthesise(built, tmp_path)
    (name,) = [one for one in resources if "PageAssets" in one and _is_deployment(resources[one])]
    assert _caching(resources[name]) == "public, max-age=31536000, immutable"
    assert resources[name]["Properties"]["DestinationBucketKeyPrefix"] == "assets"
    assert _files(resources[name], folder) == {"index-Zz0UFpyz.js"}
    (rest,) = [one for key, one in resources.items() if _is_deployment(one) and "Assets" not in key]
    assert name in rest["DependsOn"]


def test_the_index_and_its_neighbours_are_asked_for_again(built: Path, tmp_path: Path):
    resources, folder = _synthesise(built, tmp_path)
    (rest,) = [one for key, one in resources.items() if _is_deployment(one) and "Assets" not in key]
    assert _caching(rest) == "no-cache"
    assert _files(rest, folder) == {"config.json", "index.html", "theme.js"}


def test_files_of_the_build_before_stay_for_the_tabs_that_still_ask_for_them(
    built: Path, tmp_path: Path
):
    resources, _ = _synthesise(built, tmp_path)
    deployments = [one["Properties"] for one in resources.values() if _is_deployment(one)]
    assert [one["Prune"] for one in deployments] == [False, False]


def test_the_page_is_told_who_signs_people_in(built: Path, tmp_path: Path):
    resources, folder = _synthesise(built, tmp_path, variant="own_issuer")
    (rest,) = [one for key, one in resources.items() if _is_deployment(one) and "Assets" not in key]
    assert json.loads(_read(rest, folder, "config.json")) == {
        "identity": {
            "kind": "oidc",
            "issuer": "https://id.example.org/realm",
            "client_id": "page",
            "scope": "openid",
        }
    }


def test_the_pools_own_ids_are_filled_in_when_it_is_deployed(built: Path, tmp_path: Path):
    resources, folder = _synthesise(built, tmp_path)
    (rest,) = [one for key, one in resources.items() if _is_deployment(one) and "Assets" not in key]
    told = json.loads(_with_markers(_read(rest, folder, "config.json"), rest))
    assert told["identity"]["scope"] == "openid email profile keepwarm/chat"
    assert f"https://cognito-idp.{REGION}.amazonaws.com/" in str(told["identity"]["issuer"])


@pytest.mark.parametrize("is_built", [True, False])
def test_a_synthesis_that_deploys_nothing_is_the_same_with_and_without_a_build(
    built: Path, tmp_path: Path, is_built: bool
):
    resources, folder = _synthesise(built if is_built else tmp_path / "none", tmp_path, package="")
    (only,) = [one for one in resources.values() if _is_deployment(one)]
    assert _files(only, folder) == {"config.json", "index.html"}
    assert _read(only, folder, "index.html") == PLACEHOLDER


def test_a_deployment_without_the_page_is_refused_before_it_begins(tmp_path: Path):
    with pytest.raises(SynthesisError, match="make web"):
        _synthesise(tmp_path / "none", tmp_path)


def test_the_page_reads_what_it_is_told():
    interface = (SOURCES / "identity" / "config.ts").read_text().partition("OidcIdentity {")[2]
    fields = set(re.findall(r"^  (\w+)\??:", interface.partition("}")[0], re.MULTILINE))
    stage = edge_stage("own_issuer")
    told = page_config(SignInPool(cdk.Stack(), "SignIn", stage=stage))
    assert set(told["identity"]) == fields


def test_people_come_back_from_signing_in_to_the_view_that_takes_them():
    code = (SOURCES / "identity" / "oidc.ts").read_text()
    assert f'CALLBACK = "{CALLBACK_PATH}"' in code


def _buckets() -> Iterator[tuple[str, Resource]]:
    for name, bucket in edge_templates().edge.named("AWS::S3::Bucket"):
        yield name, bucket["Properties"]


def _synthesise(
    built: Path, tmp_path: Path, *, variant: str = "plain", package: str = "real"
) -> tuple[dict[str, Resource], Path]:
    """The resources of the page in a stack of its own, and the assembly's folder."""
    stage = edge_stage(variant)
    context = {"package": package} if package else {}
    app = cdk.App(context=context, outdir=str(tmp_path / "out"), analytics_reporting=False)
    env = cdk.Environment(account=stage.account, region=stage.region)
    stack = cdk.Stack(app, "page", env=env)
    Page(
        stack,
        "Page",
        stage=stage,
        sign_in=SignInPool(stack, "SignIn", stage=stage),
        logs=AccessLogs(stack, "Logs", stage=stage),
        built=built,
    )
    folder = Path(app.synth().directory)
    resources: dict[str, Resource] = json.loads((folder / "page.template.json").read_text())[
        "Resources"
    ]
    return resources, folder


def _is_deployment(resource: Resource) -> bool:
    return bool(resource["Type"] == DEPLOYMENT)


def _caching(deployment: Resource) -> str:
    caching: str = deployment["Properties"]["SystemMetadata"]["cache-control"]
    return caching


def _sources(deployment: Resource, folder: Path) -> Iterator[Path]:
    for key in deployment["Properties"]["SourceObjectKeys"]:
        digest = str(key).removesuffix(".zip")
        yield next(path for path in folder.iterdir() if digest in path.name)


def _contents(source: Path) -> dict[str, str]:
    if source.is_dir():
        found = (path for path in source.rglob("*") if path.is_file())
        return {path.relative_to(source).as_posix(): path.read_text() for path in found}
    with zipfile.ZipFile(source) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def _all_contents(deployment: Resource, folder: Path) -> dict[str, str]:
    merged: dict[str, str] = {}
    for source in _sources(deployment, folder):
        merged |= _contents(source)
    return merged


def _files(deployment: Resource, folder: Path) -> set[str]:
    return set(_all_contents(deployment, folder))


def _read(deployment: Resource, folder: Path, name: str) -> str:
    return _all_contents(deployment, folder)[name]


def _with_markers(text: str, deployment: Resource) -> str:
    """The text with what the deployment fills in, as far as the template tells it."""
    markers: dict[str, Any] = {}
    for one in deployment["Properties"]["SourceMarkers"]:
        markers |= one
    for marker, value in markers.items():
        parts = value["Fn::Join"][1] if "Fn::Join" in value else [value]
        whole = "".join(part if isinstance(part, str) else "..." for part in parts)
        text = text.replace(marker, whole)
    return text
