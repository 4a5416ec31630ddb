from __future__ import annotations

from infrastructure.settings.table import settings_tables


def test_every_part_has_a_table_and_every_setting_a_line() -> None:
    tables = settings_tables()

    assert tables.startswith("| `[STAGE]` | default | meaning |")
    assert "| `[STAGE.model]` | default | meaning |" in tables
    assert "| `zones` | `2` | availability zones; the balancer needs two |" in tables
    assert "| `mfa` | `optional` | a second factor: off, optional, required |" in tables
    assert "| `instance_types` | `g6.xlarge, g5.xlarge` |" in tables


def test_the_stage_s_name_is_no_key() -> None:
    assert "| `name` |" not in settings_tables()
