"""`keepwarm model check`: what is wrong with an artifact, and what would be right."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from cli.errors import CliError
from cli.model_report import print_report, reading, translated

if TYPE_CHECKING:
    from pipelines.model.check import CheckOptions
    from pipelines.model.sources import Source

REFUSED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `check` takes."""
    parser.add_argument("artifact", metavar="PATH", help="folder, .tar.gz, or s3://bucket/prefix")
    add_check_arguments(parser)
    add = parser.add_argument
    add("--manifest", metavar="FILE", help="write the manifest there instead of beside the files")
    add("--no-manifest", action="store_true", help="write no manifest")


def add_check_arguments(parser: argparse.ArgumentParser) -> None:
    """What both `check` and `pack` take."""
    add = parser.add_argument
    add("--license", default="", metavar="NAME", help="the licence, such as apache-2.0")
    add("--allow-license", action="append", default=[], metavar="NAME", help="allow this one too")
    add("--finite", action="store_true", help="look for NaN and infinities in the weights")
    add("--program", default="inference.py", help="file in code/ (default: inference.py)")
    add("--no-engine", action="store_true", help="do not ask the engine (much quicker)")
    add("--strict", action="store_true", help="refuse warnings too")
    add("--json", action="store_true", help="print the report as JSON")


def options_of(args: argparse.Namespace, *, sealed: bool) -> CheckOptions:
    """The arguments as options."""
    from pipelines.model.check import CheckOptions

    return CheckOptions(
        licence=args.license,
        allowed_licences=frozenset(args.allow_license),
        finite=args.finite,
        program=args.program,
        engine=not args.no_engine,
        sealed=sealed,
        strict=args.strict,
    )


def model_check(args: argparse.Namespace) -> int:
    """Check, print, write the manifest; 0 when the artifact is accepted, 1 when it is refused."""
    from pipelines.model.check import check

    with translated():
        source = _source(args.artifact)
        sealed = args.artifact.startswith("s3://") or not Path(args.artifact).is_dir()
        with reading(f"Reading {args.artifact}", quiet=args.json) as progress:
            report, manifest = check(source, options_of(args, sealed=sealed), progress)
        if not report.refused and not args.no_manifest:
            report.manifest = _write(args, manifest)
    print(json.dumps(report.as_json(), indent=2)) if args.json else print_report(report)
    return REFUSED if report.refused else 0


def _source(artifact: str) -> Source:
    from pipelines.model.s3 import SCHEME, parse_place, s3_client, s3_source
    from pipelines.model.sources import local_source

    if not artifact:
        raise CliError("no artifact was named: give a folder, a tar.gz or s3://...", exit_code=2)
    if artifact.startswith(SCHEME):
        return s3_source(parse_place(artifact), s3_client())
    return local_source(Path(artifact).expanduser())


def _write(args: argparse.Namespace, content: bytes) -> str:
    """Store the manifest and say where; an archive is left as it is."""
    from pipelines.model.manifest import MANIFEST
    from pipelines.model.s3 import SCHEME, parse_place, put, s3_client

    if args.manifest:
        return _replace(Path(args.manifest).expanduser(), content)
    if args.artifact.startswith(SCHEME):
        place = parse_place(args.artifact)
        if place.is_archive:
            return ""
        put(s3_client(), place, MANIFEST, content)
        return place.url + MANIFEST
    folder = Path(args.artifact).expanduser()
    return _replace(folder / MANIFEST, content) if folder.is_dir() else ""


def _replace(path: Path, content: bytes) -> str:
    """The old manifest or the new one, never half of it."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        half.write_bytes(content)
        os.replace(half, path)
    except OSError as error:
        half.unlink(missing_ok=True)
        reason = error.strerror or error
        raise CliError(
            f"the manifest cannot be written to {path}: {reason}; give --manifest or --no-manifest"
        ) from error
    return str(path)
