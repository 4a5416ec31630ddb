"""Where SageMaker looks for metrics by default is where the container has them."""

from __future__ import annotations

from container.settings import ContainerSettings
from pipelines.endpoint.spec import METRICS_PATH


def test_the_container_has_its_metrics_where_the_collector_looks_by_default():
    assert (METRICS_PATH, ContainerSettings().port) == ("/metrics", 8080)
