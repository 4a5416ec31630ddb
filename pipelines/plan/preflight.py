"""Image, instance type and InferenceAmiVersion held against each other before anything is built.

A driver runs every CUDA of its own major version, and all older ones. An image of a newer minor
version runs too, but cannot hand the driver code that is compiled at run time: a warning.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.errors import PlanError
from pipelines.plan.instances import Ami, Catalogue, Instance, Version, catalogue

IMAGE_CUDA: Version = (13, 0)  # of the torch that constraints.txt pins
FIELD = "InferenceAmiVersion"


@dataclass(frozen=True)
class Preflight:
    """Whether an image starts on an instance.

    Attributes:
        status: `ok`, `warning` or `failed`.
        ami: the InferenceAmiVersion to set; None where none is needed or none would do.
        message: what is, and what to set.
    """

    status: str
    ami: str | None
    message: str


def preflight(
    instance: Instance,
    image_cuda: Version = IMAGE_CUDA,
    ami: str | None = None,
    table: Catalogue | None = None,
) -> Preflight:
    """Hold an image's CUDA against the driver that `instance` gets from `ami`.

    Raises:
        PlanError: `ami` is not in the table.
    """
    table = table or catalogue()
    if instance.gpu is None:
        return _without_gpu(instance, ami, table)
    chosen = None if ami is None else _named(ami, table)
    best = best_ami(instance, image_cuda, table)
    if chosen is not None and instance.family in chosen.not_for:
        return _failed(f"{chosen.name} does not run on {instance.name}", best)
    driver, offered = (
        (instance.driver, instance.driver_cuda) if chosen is None else (chosen.driver, chosen.cuda)
    )
    where = f"driver {driver} (CUDA {_text(offered)})"
    where += f" of {chosen.name}" if chosen else f", without {FIELD},"
    wanted = f"the image's CUDA {_text(image_cuda)}"
    if offered[0] < image_cuda[0]:
        return _failed(f"{instance.name} has {where} which cannot run {wanted}", best)
    if offered < image_cuda:
        return Preflight(
            "warning",
            best.name if best else ami,
            f"{where} runs {wanted} as a newer minor version: kernels compiled at run time may "
            f"be refused{_advice(best, chosen)}",
        )
    return Preflight("ok", ami, f"{where} runs {wanted}")


def choose(
    instance: Instance,
    image_cuda: Version = IMAGE_CUDA,
    ami: str | None = None,
    table: Catalogue | None = None,
) -> Preflight:
    """The preflight of a deployment that may set its AMI: without `ami`, of the best one.

    Args:
        instance: type to run on.
        image_cuda: of the image.
        ami: what will be set; `default` for nothing at all.
        table: of instances and AMIs.

    Raises:
        PlanError: `ami` is not in the table.
    """
    table = table or catalogue()
    if ami is not None:
        return preflight(instance, image_cuda, None if ami == "default" else ami, table)
    best = best_ami(instance, image_cuda, table) if instance.gpu else None
    return preflight(instance, image_cuda, best.name if best else None, table)


def best_ami(instance: Instance, image_cuda: Version, table: Catalogue | None = None) -> Ami | None:
    """The oldest AMI whose driver is as new as the image, else the newest of its major version."""
    table = table or catalogue()
    fitting = [one for one in table.amis if instance.family not in one.not_for]
    fitting.sort(key=lambda one: one.driver)
    whole = [one for one in fitting if one.cuda >= image_cuda]
    major = [one for one in fitting if one.cuda[0] == image_cuda[0]]
    if whole:  # of two with the same driver, the later name has the newer container toolkit
        return [one for one in whole if one.driver == whole[0].driver][-1]
    return major[-1] if major else None


def _without_gpu(instance: Instance, ami: str | None, table: Catalogue) -> Preflight:
    if ami is None:
        return Preflight("ok", None, f"{instance.name} has no GPU: no driver is needed")
    name = _named(ami, table).name
    return Preflight("failed", None, f"{instance.name} has no GPU: leave {FIELD}={name} away")


def _named(name: str, table: Catalogue) -> Ami:
    for ami in table.amis:
        if ami.name == name:
            return ami
    known = ", ".join(ami.name for ami in table.amis)
    raise PlanError(f"{FIELD} {name!r} is unknown; it must be one of {known}")


def _failed(what: str, best: Ami | None) -> Preflight:
    if best is None:
        return Preflight(
            "failed", None, f"{what}, and no {FIELD} does: build the image on an older CUDA"
        )
    return Preflight("failed", best.name, f"{what}: set {FIELD}={best.name}")


def _advice(best: Ami | None, chosen: Ami | None) -> str:
    if best is None or (chosen is not None and best.driver <= chosen.driver):
        return ""
    return f": set {FIELD}={best.name}"


def _text(version: Version) -> str:
    return f"{version[0]}.{version[1]}"
