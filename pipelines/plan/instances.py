"""The table of instance types: what each has, which driver it starts with, what it costs.

instances.toml is the data; this module turns it into records and refuses a table with holes.
"""

from __future__ import annotations

import difflib
import fnmatch
import functools
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import PlanError
from serving.memory_plan import GIB

TABLE = Path(__file__).with_name("instances.toml")

Version = tuple[int, int]


@dataclass(frozen=True)
class Gpu:
    """One kind of GPU; `flash`: it has the paged attention kernel, `fp8`: it multiplies 8 bits."""

    name: str
    memory_gib: float
    bandwidth_gb_s: float
    tflops: float
    bfloat16: bool
    flash: bool
    fp8: bool

    @property
    def memory_bytes(self) -> int:
        """Bytes that CUDA reports in all."""
        return int(self.memory_gib * GIB)


@dataclass(frozen=True)
class Ami:
    """An InferenceAmiVersion: its driver and the newest CUDA that the driver was made with."""

    name: str
    driver: int
    cuda: Version
    not_for: tuple[str, ...]


@dataclass(frozen=True)
class Price:
    """USD an hour, on demand; None where no list price is known."""

    sagemaker: float | None
    ec2: float | None


@dataclass(frozen=True)
class Instance:
    """One instance type.

    Attributes:
        name: as SageMaker calls it, `ml.g6e.2xlarge`.
        gpu: None on CPU types, with `gpus` 0.
        bandwidth_gb_s, tflops: of one GPU, or of the whole CPU.
        driver, driver_cuda: what it starts with when no InferenceAmiVersion is set; 0 on CPU.
    """

    name: str
    family: str
    gpu: Gpu | None
    gpus: int
    vcpus: int
    ram_gib: int
    bandwidth_gb_s: float
    tflops: float
    driver: int
    driver_cuda: Version
    price: Price


@dataclass(frozen=True)
class Catalogue:
    """The whole table. `version` changes with every change of it."""

    version: str
    region: str
    price_sources: dict[str, dict[str, str]]
    amis: tuple[Ami, ...]
    instances: dict[str, Instance]

    def select(self, patterns: list[str]) -> list[Instance]:
        """Instances by name, family or pattern (`ml.g6e.*`), in the table's order; all without.

        Raises:
            PlanError: a pattern names nothing.
        """
        if not patterns:
            return list(self.instances.values())
        chosen: dict[str, Instance] = {}
        for pattern in patterns:
            found = {one.name: one for one in self.instances.values() if _names(pattern, one)}
            if not found:
                raise PlanError(
                    f"instance type {pattern!r} is not in the table of {self.version}; "
                    f"{self._suggestion(pattern)}"
                )
            chosen |= found
        return [one for one in self.instances.values() if one.name in chosen]

    def _suggestion(self, pattern: str) -> str:
        """What may have been meant: the sizes of a known family, else the families."""
        family = _bare(pattern).partition(".")[0]
        sizes = [one.name for one in self.instances.values() if one.family == family]
        if sizes:
            return f"of {family} it has {', '.join(sizes)}"
        near = difflib.get_close_matches(_bare(pattern), map(_bare, self.instances), n=1)
        meant = f"did you mean ml.{near[0]}? " if near else ""
        return f"{meant}it has the families {', '.join(self.families)}"

    @property
    def families(self) -> list[str]:
        """Names of the families, in the table's order."""
        return list(dict.fromkeys(one.family for one in self.instances.values()))


def _names(pattern: str, instance: Instance) -> bool:
    wanted = _bare(pattern)
    return wanted == instance.family or fnmatch.fnmatchcase(_bare(instance.name), wanted)


def _bare(name: str) -> str:
    return name.strip().lower().removeprefix("ml.")


@functools.cache
def catalogue(path: Path = TABLE) -> Catalogue:
    """The table in `path`.

    Raises:
        PlanError: it cannot be read, or lacks something.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return Catalogue(
            version=data["version"],
            region=data["region"],
            price_sources=data["prices"],
            amis=tuple(_ami(entry) for entry in data["ami"]),
            instances={one.name: one for one in _instances(data)},
        )
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise PlanError(f"the table of instances {path} cannot be read: {error!r}") from error


def parse_version(text: str) -> Version:
    """`13.0` as (13, 0), and so `cu130`, as wheels and image tags write it.

    Raises:
        PlanError: it is not of that form.
    """
    bare = text.strip().removeprefix("cu")
    if bare != text.strip() and "." not in bare:
        bare = f"{bare[:-1]}.{bare[-1:]}"
    major, _, minor = bare.partition(".")
    if not major.isdecimal() or not (minor or "0").split(".")[0].isdecimal():
        raise PlanError(f"{text!r} is not a CUDA version; write it as 13.0")
    return int(major), int((minor or "0").split(".")[0])


def _ami(entry: dict[str, Any]) -> Ami:
    return Ami(
        entry["name"], entry["driver"], parse_version(entry["cuda"]), tuple(entry["not_for"])
    )


def _instances(data: dict[str, Any]) -> Iterator[Instance]:
    gpus = {name: Gpu(name=name, **facts) for name, facts in data["gpu"].items()}
    for family, facts in data["family"].items():
        gpu = gpus[facts["gpu"]] if "gpu" in facts else None
        driver = int(facts.get("driver", 0))
        cuda = parse_version(data["driver"][str(driver)]["cuda"]) if driver else (0, 0)
        for size, row in facts["sizes"].items():
            yield Instance(
                name=f"ml.{family}.{size}",
                family=family,
                gpu=gpu,
                gpus=row["gpus"] if gpu else 0,
                vcpus=row["vcpus"],
                ram_gib=row["ram_gib"],
                bandwidth_gb_s=_bandwidth(gpu, facts, row["vcpus"]),
                tflops=gpu.tflops if gpu else facts["gflops_a_vcpu"] * row["vcpus"] / 1000,
                driver=driver,
                driver_cuda=cuda,
                price=Price(row.get("sagemaker"), row.get("ec2")),
            )


def _bandwidth(gpu: Gpu | None, facts: dict[str, Any], vcpus: int) -> float:
    return gpu.bandwidth_gb_s if gpu else float(facts["bandwidth_gb_s_a_vcpu"] * vcpus)
