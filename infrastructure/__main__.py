"""`python -m infrastructure --stage dev`: synthesise a stage, as cdk asks for it.

cdk says by CDK_OUTDIR where the cloud assembly goes; without it, it is a temporary folder.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from infrastructure import node, settings
from infrastructure.errors import InfrastructureError


def main(arguments: list[str] | None = None) -> int:
    """Synthesise and say nothing; 1 and a sentence when that cannot be."""
    parser = argparse.ArgumentParser(prog="python -m infrastructure", description=__doc__)
    parser.add_argument("--stage", default="dev", help="which stage (default: dev)")
    parser.add_argument("--stages", type=Path, metavar="FILE", help="another stages.toml")
    args = parser.parse_args(arguments)
    try:
        stage = settings.load(args.stage, args.stages)
        node.prepare()
        from infrastructure.app import build_app

        build_app(stage).synth()
    except InfrastructureError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
