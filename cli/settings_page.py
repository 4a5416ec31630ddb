"""The page of all settings, made of the records that read them."""

from __future__ import annotations

import container.settings
import serving.config
from orchestrator_lambda import settings as orchestrator
from orchestrator_lambda.identity.settings import IdentitySettings
from orchestrator_lambda.sessions.settings import SessionSettings
from orchestrator_lambda.telemetry.settings import ConsumerSettings, TelemetrySettings
from orchestrator_lambda.turns.settings import TurnSettings

ORCHESTRATOR = (
    orchestrator.Settings,
    IdentitySettings,
    TurnSettings,
    SessionSettings,
    TelemetrySettings,
    ConsumerSettings,
)


def settings_page() -> str:
    """docs/settings.md."""
    return f"""# Settings

All settings are environment variables, read once at start; a wrong one ends the start with a
sentence that names it. This page is what `keepwarm settings` prints.

## The server (container/)

{container.settings.markdown_table()}
## The engine (serving/)

{serving.config.markdown_table()}
## The orchestrator (orchestrator_lambda/)

{orchestrator.markdown_table(*ORCHESTRATOR)}"""
