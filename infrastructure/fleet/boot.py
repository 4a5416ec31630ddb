"""The instances' user data: scripts and units as they are in `scripts/`, and the stage's values.

    user data --writes--> /etc/keepwarm/fleet.env, container.env    what and where
                          /opt/keepwarm/bin/*.sh                    boot, serve, metrics, drain
                          /etc/systemd/system/keepwarm*             when
              --runs----> boot.sh: driver, image by digest, model, units

Plain text, no CDK: a test executes it below another root, with stand-ins for docker and aws.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from infrastructure.errors import SettingsError
from infrastructure.fleet.names import NAMESPACE, fleet_names
from infrastructure.models.capacity import fleet_capacity
from infrastructure.settings import Stage

SCRIPTS = Path(__file__).parent / "scripts"
LIBRARY = "common.sh"
PROGRAMS = ("boot.sh", "serve.sh", "metrics.sh", "drain.sh")
UNITS = (
    "keepwarm.service",
    "keepwarm-drain.service",
    "keepwarm-metrics.service",
    "keepwarm-metrics.timer",
)
LIMIT_BYTES = 16 * 1024
"""Of user data, by EC2."""

_END = "END_OF_FILE"


def user_data(stage: Stage) -> str:
    """The whole script.

    Raises:
        SettingsError: it is longer than EC2 takes.
    """
    parts = [_HEAD]
    for path, content, mode in _files(stage):
        parts.append(f"cat >\"$root{path}\" <<'{_END}'\n{content.rstrip()}\n{_END}\n")
        parts.append(f'chmod {mode} "$root{path}"\n')
    text = "".join([*parts, 'exec "$root/opt/keepwarm/bin/boot.sh"\n'])
    if len(text.encode()) > LIMIT_BYTES:
        raise SettingsError(
            f"stage {stage.name!r}: the fleet's user data has {len(text.encode())} bytes, EC2 "
            f"takes {LIMIT_BYTES}: shorten fleet.image_uri or fleet.model_uri"
        )
    return text


def container_environment(stage: Stage) -> dict[str, str]:
    """Settings of the container: the memory plan's, as on SageMaker."""
    return dict(fleet_capacity(stage).environment)


def instance_environment(stage: Stage) -> dict[str, str]:
    """Settings of the scripts; boot.sh adds the instance's id."""
    names = fleet_names(stage)
    return {
        "FLEET_REGION": stage.region,
        "FLEET_IMAGE": stage.fleet.image_uri,
        "FLEET_MODEL": stage.fleet.model_uri.rstrip("/") + "/",
        "FLEET_GROUP": names.group,
        "FLEET_HOOK": names.hook,
        "FLEET_LOGS": names.logs,
        "FLEET_NAMESPACE": NAMESPACE,
    }


_HEAD = """\
#!/bin/bash
set -euo pipefail
root="${KEEPWARM_FLEET_ROOT:-}"
mkdir -p "$root/etc/keepwarm" "$root/etc/systemd/system" "$root/opt/keepwarm/bin"
mkdir -p "$root/opt/keepwarm/model"
"""


def _files(stage: Stage) -> list[tuple[str, str, str]]:
    """Path, content and mode of each."""
    settings = [
        ("/etc/keepwarm/fleet.env", _lines(instance_environment(stage)), "0644"),
        ("/etc/keepwarm/container.env", _lines(container_environment(stage)), "0644"),
    ]
    library = [(f"/opt/keepwarm/bin/{LIBRARY}", _read(LIBRARY), "0644")]
    programs = [(f"/opt/keepwarm/bin/{name}", _read(name), "0755") for name in PROGRAMS]
    units = [(f"/etc/systemd/system/{name}", _read(name), "0644") for name in UNITS]
    return settings + library + programs + units


def _lines(values: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _read(name: str) -> str:
    return (SCRIPTS / name).read_text(encoding="utf-8")
