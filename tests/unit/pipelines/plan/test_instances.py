"""The table of instance types is whole, and says what its numbers are worth."""

from __future__ import annotations

import datetime
from pathlib import Path

import boto3
import pytest

from pipelines.errors import PlanError
from pipelines.plan.instances import TABLE, catalogue, parse_version
from serving.memory_plan import GIB

FAMILIES = ["g4dn", "g5", "g6", "g6e", "p4d", "p4de", "p5", "p5e", "p5en", "c7i", "m7i"]


def variant_shape(member: str) -> list[str]:
    """What SageMaker itself accepts, by the service model that boto3 ships."""
    client = boto3.client("sagemaker", region_name="us-east-1")
    shape = client.meta.service_model.shape_for("ProductionVariant")
    return list(shape.members[member].enum)


def test_every_family_is_there() -> None:
    assert catalogue().families == FAMILIES


def test_sagemaker_knows_every_type_and_every_ami() -> None:
    table = catalogue()
    assert set(table.instances) <= set(variant_shape("InstanceType"))
    gpu_amis = [name for name in variant_shape("InferenceAmiVersion") if "neuron" not in name]
    assert [ami.name for ami in table.amis] == gpu_amis


def test_no_size_of_a_gpu_family_is_left_out() -> None:
    table = catalogue()
    for name in variant_shape("InstanceType"):
        family = name.split(".")[1]
        if family in FAMILIES[:9]:
            assert name in table.instances


def test_numbers_are_sane() -> None:
    for one in catalogue().instances.values():
        assert (one.gpus > 0) == (one.gpu is not None)
        assert one.vcpus >= 4
        assert one.ram_gib >= one.vcpus
        assert one.tflops > 0
        assert one.bandwidth_gb_s > 0
        assert (one.driver > 0) == (one.gpu is not None)
        for price in (one.price.sagemaker, one.price.ec2):
            assert price is None or 0.1 < price < 200
        if one.price.sagemaker and one.price.ec2:
            assert 1.1 < one.price.sagemaker / one.price.ec2 < 1.45


def test_prices_have_a_date_and_a_source() -> None:
    table = catalogue()
    assert datetime.date.fromisoformat(table.version)
    for source in table.price_sources.values():
        assert datetime.date.fromisoformat(source["date"])
        assert source["source"]


def test_a_few_rows_by_hand() -> None:
    rows = catalogue().instances
    l40s = rows["ml.g6e.2xlarge"]
    assert l40s.gpu is not None
    assert (l40s.gpu.name, l40s.gpus, l40s.vcpus, l40s.ram_gib) == ("L40S", 1, 8, 64)
    assert 44 * GIB < l40s.gpu.memory_bytes < 45 * GIB
    assert rows["ml.p4d.24xlarge"].gpus == 8
    assert rows["ml.m7i.2xlarge"].ram_gib == 32
    assert (rows["ml.g5.xlarge"].driver, rows["ml.g5.xlarge"].driver_cuda) == (470, (11, 4))


@pytest.mark.parametrize(
    ("patterns", "first", "count"),
    [
        ([], "ml.g4dn.xlarge", 52),
        (["ml.g6e.2xlarge"], "ml.g6e.2xlarge", 1),
        (["g6e.2xlarge"], "ml.g6e.2xlarge", 1),
        (["G6E"], "ml.g6e.xlarge", 8),
        (["g6"], "ml.g6.xlarge", 8),
        (["ml.p5*"], "ml.p5.4xlarge", 4),
        (["m7i", "g5.xlarge", "g5"], "ml.g5.xlarge", 16),
    ],
)
def test_select(patterns: list[str], first: str, count: int) -> None:
    chosen = catalogue().select(patterns)
    assert (chosen[0].name, len(chosen)) == (first, count)


def test_an_unknown_type_names_the_families() -> None:
    with pytest.raises(PlanError, match=r"'ml.h100.large' is not in the table.*g4dn, g5"):
        catalogue().select(["ml.g5.xlarge", "ml.h100.large"])


@pytest.mark.parametrize(
    ("pattern", "suggestion"),
    [
        ("ml.p5.24xlarge", r"of p5 it has ml\.p5\.4xlarge, ml\.p5\.48xlarge$"),
        ("g6e2xlarge", r"did you mean ml\.g6e\.2xlarge\? it has the families g4dn"),
    ],
)
def test_a_near_miss_is_told_what_there_is(pattern: str, suggestion: str) -> None:
    with pytest.raises(PlanError, match=suggestion):
        catalogue().select([pattern])


@pytest.mark.parametrize("content", ["version = ", 'version = "1"', "\x00"])
def test_a_broken_table_is_named(content: str, tmp_path: Path) -> None:
    path = tmp_path / "instances.toml"
    path.write_text(content)
    with pytest.raises(PlanError, match="cannot be read"):
        catalogue(path)


def test_a_row_that_lacks_something_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "instances.toml"
    path.write_text(TABLE.read_text().replace("vcpus = 8", "cores = 8"))
    with pytest.raises(PlanError, match="vcpus"):
        catalogue(path)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("13.0", (13, 0)),
        ("13", (13, 0)),
        ("12.8.1", (12, 8)),
        (" 11.4", (11, 4)),
        ("cu130", (13, 0)),
        ("cu12.8", (12, 8)),
    ],
)
def test_versions(text: str, version: tuple[int, int]) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize("text", ["", "cuda", "13.x", "-1.0", "13,0", "cu", "cu1"])
def test_no_versions(text: str) -> None:
    with pytest.raises(PlanError, match=r"write it as 13\.0"):
        parse_version(text)
