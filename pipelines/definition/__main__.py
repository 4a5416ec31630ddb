"""Makes `definition.json` anew: `python -m pipelines.definition`, in the SDK's own environment.

With `--print` the definition goes to standard output and no file is touched.
"""

from __future__ import annotations

import json
import os
import sys

from pipelines.definition.render import SNAPSHOT


def main(arguments: list[str]) -> int:
    """Author the definition and store it."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # the SDK's import fails without one
    from pipelines.definition.author import definition

    text = json.dumps(definition(), indent=2) + "\n"
    if arguments == ["--print"]:
        sys.stdout.write(text)
    else:
        SNAPSHOT.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{SNAPSHOT}: {len(text)} characters\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
