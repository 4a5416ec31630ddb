"""A linter of pipeline definitions: what SageMaker would refuse, or fail on an hour later.

    definition -> parameters, graph -> expressions resolved -> arguments against botocore's shapes

    from pipelines.definition.linter import lint
    for finding in lint(definition): print(finding)

It needs botocore alone and reaches no AWS. The schema that AWS publishes for definitions is older
than the step types used here and refuses what the SDK makes.
"""

from pipelines.definition.linter.findings import Finding
from pipelines.definition.linter.lint import lint

__all__ = ["Finding", "lint"]
