"""`check`: everything that must be true of an artifact before an endpoint loads it.

source --scan, once--> inventory --checks--> report --accepted--> manifest.json
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import ArtifactError
from pipelines.model import manifest
from pipelines.model.check_chat import check_chat
from pipelines.model.check_code import DEFAULT_PROGRAM, check_code
from pipelines.model.check_config import CONFIG_FILE, check_config, read_json
from pipelines.model.check_engine import check_engine
from pipelines.model.check_files import check_files, check_formats
from pipelines.model.check_licence import check_licence
from pipelines.model.check_weights import check_dtype, check_finite, check_weights
from pipelines.model.manifest import MANIFEST
from pipelines.model.report import Finding, Report, failed, ok, skipped, warning
from pipelines.model.scan import Inventory, Progress, scan
from pipelines.model.sources import Source

SEAL = "manifest"


@dataclass(frozen=True)
class CheckOptions:
    """How strict a check is.

    Attributes:
        licence: what the user says it is; empty: found in the artifact.
        allowed_licences: beside the built-in list.
        finite: look for NaN and infinities.
        program: the file with the model's functions.
        engine: ask the engine (loads torch and transformers).
        sealed: an existing manifest.json must agree; else it may be outdated.
        strict: warnings refuse too.
    """

    licence: str = ""
    allowed_licences: frozenset[str] = frozenset()
    finite: bool = False
    program: str = DEFAULT_PROGRAM
    engine: bool = True
    sealed: bool = False
    strict: bool = False


@contextmanager
def scanned(
    source: Source, options: CheckOptions, progress: Progress | None = None
) -> Iterator[Inventory]:
    """The source's inventory, while its copies of small files exist.

    Raises:
        ArtifactError: it cannot be read to its end.
    """
    with tempfile.TemporaryDirectory(prefix="keepwarm-check-") as folder:
        try:
            inventory = scan(source, Path(folder), finite=options.finite, progress=progress)
        except OSError as error:
            reason = error.strerror or error
            message = f"{source.name} cannot be read, with copies of small files in {folder}"
            raise ArtifactError(f"{message}: {reason}") from error
        yield inventory


def check(
    source: Source, options: CheckOptions | None = None, progress: Progress | None = None
) -> tuple[Report, bytes]:
    """The report on `source`, and the manifest of what was read.

    Raises:
        ArtifactError: it cannot be read to its end.
    """
    options = options or CheckOptions()
    with scanned(source, options, progress) as inventory:
        return judge(inventory, options), manifest.render(entries(inventory))


def judge(inventory: Inventory, options: CheckOptions) -> Report:
    """Run all checks on what a scan found."""
    config = read_json(inventory, CONFIG_FILE) or {}
    report = Report(inventory.name, sha256=manifest.digest(entries(inventory)))
    report.add(check_files(inventory))
    report.add(check_formats(inventory))
    report.add(check_weights(inventory))
    report.add(check_dtype(inventory, config))
    report.add(check_finite(inventory))
    configured = check_config(inventory)
    report.add(configured)
    report.add(_by_engine(inventory, configured, options))
    licences = options.allowed_licences
    report.add(check_licence(inventory, given=options.licence, also_allowed=licences))
    report.add(check_code(inventory, options.program))
    report.add(_check_manifest(inventory, options))
    return report.made_strict() if options.strict else report


def entries(inventory: Inventory) -> dict[str, manifest.Entry]:
    """The manifest's lines of an inventory."""
    return {
        path: manifest.Entry(facts.sha256, facts.size) for path, facts in inventory.files.items()
    }


def _by_engine(
    inventory: Inventory, configured: list[Finding], options: CheckOptions
) -> list[Finding]:
    if not options.engine:
        return skipped("architecture", "not asked (--no-engine)")
    if any(one.status == "failed" for one in configured):
        return skipped("architecture", "not asked: the config was refused")
    return check_engine(inventory) + check_chat(inventory)


def _check_manifest(inventory: Inventory, options: CheckOptions) -> list[Finding]:
    """The artifact against the manifest it brings: a seal where it was packed, else a memory."""
    if inventory.manifest is None:
        return ok(SEAL, f"it brought no {MANIFEST}")
    try:
        listed = manifest.parse(inventory.manifest)
    except ValueError as error:
        return [_unsealed(f"{MANIFEST} cannot be used: {error}", options)]
    different = manifest.differences(listed, entries(inventory))
    if not different:
        return ok(SEAL, f"{len(listed)} files are as {MANIFEST} lists them")
    more = f", and {len(different) - 3} more" if len(different) > 3 else ""
    return [_unsealed(f"{'; '.join(different[:3])}{more}", options)]


def _unsealed(message: str, options: CheckOptions) -> Finding:
    if options.sealed:
        return failed(SEAL, message, "pack the artifact again from files you trust")
    return warning(SEAL, message, "if the change is yours, go on: the manifest is written anew")
