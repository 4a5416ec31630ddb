"""`pack`: lays an artifact out as SageMaker expects it, after it has passed every check.

    model folder + code folder --check--> folder | tar.gz | s3://prefix/ | s3://....tar.gz
                                          config.json  *.safetensors  ...  code/  manifest.json

What is written is hashed once more on its way: it is what was checked. The same files give the
same bytes, archive included. A result appears whole or not at all; in S3 the manifest comes last.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.model.check import CheckOptions, entries, judge, scanned
from pipelines.model.combined import CombinedSource, Parts
from pipelines.model.manifest import MANIFEST
from pipelines.model.report import Report
from pipelines.model.scan import Progress
from pipelines.model.sources import is_tar_gz
from pipelines.model.targets import target_for


def pack(
    model: Path,
    output: str,
    *,
    code: Path | None = None,
    options: CheckOptions | None = None,
    progress: Progress | None = None,
    client: Any = None,
) -> Report:
    """Check `model` with `code` and, when it is accepted, write it to `output`.

    Args:
        model: the checkpoint's folder.
        output: a new folder, a file that ends in .tar.gz, or s3://bucket/prefix of either kind.
        code: folder that becomes its `code/`; without, the model's own.
        options: of the check.
        progress: told while files are read.
        client: boto3's S3 client; made when it is needed.

    Returns:
        The report; when it refuses, nothing was written.

    Raises:
        ArtifactError: a place is taken, cannot be written, or a file changed meanwhile.
    """
    options = options or CheckOptions()
    source = CombinedSource(model, code)
    target = target_for(output, client, inside=[model, *([code] if code else [])])
    with scanned(source, options, progress) as inventory:
        report = judge(inventory, options)
        listed = entries(inventory)
    if report.refused:
        return report
    target.write(Parts(source, listed, progress))
    report.manifest = f"{output.rstrip('/')}/{MANIFEST}" if not is_tar_gz(output) else MANIFEST
    return report
