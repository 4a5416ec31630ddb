"""How deep the property tests search: HYPOTHESIS_PROFILE is `default` or `ci`."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large]

# The same search each time, in seconds: a red run can be run again.
settings.register_profile(
    "default",
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=QUIET,
)
# Another search each time, in minutes; a failure prints how to replay it.
settings.register_profile(
    "ci",
    max_examples=1500,
    stateful_step_count=60,
    deadline=None,
    derandomize=False,
    print_blob=True,
    suppress_health_check=QUIET,
)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "default")
CI_TIMEOUT_S = 3600
HERE = Path(__file__).parent
settings.load_profile(PROFILE)


def pytest_collection_modifyitems(items):
    """A deep search outlasts the time that any other test may take."""
    if PROFILE == "ci":
        for item in (item for item in items if HERE in item.path.parents):
            item.add_marker(pytest.mark.timeout(CI_TIMEOUT_S))
