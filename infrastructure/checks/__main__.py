"""`python -m infrastructure.checks [nag|cfn-lint|checkov]`: judge both shipped stages.

`python -m infrastructure.checks iam --stage prod` prints every permission, for the snapshot.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from infrastructure import settings
from infrastructure.checks import (
    cfn_lint,
    cfn_lint_accepted,
    checkov,
    checkov_accepted,
    iam,
    nag,
    nag_accepted,
)
from infrastructure.checks.accepted import Accepted, Finding, judge
from infrastructure.errors import InfrastructureError
from infrastructure.settings import Stage
from infrastructure.synthesis import read


@dataclass(frozen=True)
class Checker:
    """One checker: what it finds in a cloud assembly, and what of that is accepted."""

    findings: Callable[[Path, Stage], tuple[Finding, ...]]
    accepted: Sequence[Accepted]


CHECKERS = {
    "nag": Checker(nag.findings, nag_accepted.ACCEPTED),
    "cfn-lint": Checker(cfn_lint.findings, cfn_lint_accepted.ACCEPTED),
    "checkov": Checker(checkov.findings, checkov_accepted.ACCEPTED),
}


def main(arguments: list[str] | None = None) -> int:
    """Print what is unexplained, or every permission; 1 when anything is left."""
    parser = argparse.ArgumentParser(prog="python -m infrastructure.checks", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["all", *CHECKERS, "iam"], default="all")
    parser.add_argument("--stage", choices=settings.stage_names(), help="(default: all of them)")
    args = parser.parse_args(arguments)
    names = [args.stage] if args.stage else list(settings.stage_names())
    try:
        # The CDK prints cdk-nag's whole report there, accepted findings and all.
        nowhere = io.TextIOWrapper(io.BytesIO())
        with redirect_stderr(nowhere), TemporaryDirectory(prefix="keepwarm-edge-") as folder:
            made = _synthesised(Path(folder), names)
            if args.what == "iam":
                print("\n".join(permissions(path, stage) for stage, path in made))
                return 0
            wanted = CHECKERS if args.what == "all" else (args.what,)
            return max([_judge(one, made) for one in wanted])
    except InfrastructureError as error:
        print(error, file=sys.stderr)
        return 1


def permissions(assembly: Path, stage: Stage) -> str:
    """The list of permissions as the snapshot has it."""
    return json.dumps(iam.listing(read(assembly, stage)), indent=1, sort_keys=True)


def _synthesised(folder: Path, names: Sequence[str]) -> list[tuple[Stage, Path]]:
    made = []
    for name in names:
        stage = settings.load(name)
        nag.synthesise_checked(stage, folder / name)
        made.append((stage, folder / name))
    return made


def _judge(name: str, made: Sequence[tuple[Stage, Path]]) -> int:
    checker = CHECKERS[name]
    found = [one for stage, path in made for one in checker.findings(path, stage)]
    verdict = judge(found, checker.accepted)
    for line in verdict.lines():
        print(f"{name}: {line}")
    print(f"{name}: {len(found)} findings, {len(verdict.unexplained)} unexplained")
    return 0 if verdict.passed else 1


if __name__ == "__main__":
    sys.exit(main())
