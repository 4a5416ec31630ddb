"""`keepwarm model pack`: a checked artifact, laid out as SageMaker expects it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from cli.model_check import REFUSED, add_check_arguments, options_of
from cli.model_report import print_report, reading, translated


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `pack` takes."""
    parser.add_argument("model", metavar="PATH", help="folder of the checkpoint")
    parser.add_argument("--code", metavar="FOLDER", help="becomes code/ (default: the model's own)")
    parser.add_argument(
        "--output",
        required=True,
        metavar="PLACE",
        help="a new folder, a new .tar.gz, or s3:// and either of them",
    )
    add_check_arguments(parser)


def model_pack(args: argparse.Namespace) -> int:
    """Check and write; 0 when it was written, 1 when the artifact was refused."""
    from pipelines.model.pack import pack

    code = None if args.code is None else Path(args.code).expanduser()
    with translated(), reading(f"Packing {args.model}", quiet=args.json) as progress:
        report = pack(
            Path(args.model).expanduser(),
            args.output,
            code=code,
            options=options_of(args, sealed=False),
            progress=progress,
        )
    if args.json:
        print(json.dumps({**report.as_json(), "output": args.output}, indent=2))
    else:
        print_report(report)
        what = "nothing was written" if report.refused else f"packed: {args.output}"
        print(what)
    return REFUSED if report.refused else 0
