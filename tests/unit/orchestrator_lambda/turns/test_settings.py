import pytest

from orchestrator_lambda.errors import ConfigError
from orchestrator_lambda.turns.moderation import load_moderator
from orchestrator_lambda.turns.settings import TurnSettings


def test_the_low_mark_must_lie_below_the_high_one() -> None:
    with pytest.raises(ConfigError, match="KEEPWARM_PROMPT_TOKENS_LOW=500 must be below"):
        TurnSettings.from_env(
            {"KEEPWARM_PROMPT_TOKENS_LOW": "500", "KEEPWARM_PROMPT_TOKENS_HIGH": "400"}
        )


def test_the_default_length_must_be_allowed() -> None:
    with pytest.raises(ConfigError, match="KEEPWARM_DEFAULT_TOKENS=100"):
        TurnSettings.from_env({"KEEPWARM_DEFAULT_TOKENS": "100", "KEEPWARM_MAX_TOKENS": "50"})


@pytest.mark.parametrize("name", ["x", "no.such:thing", "json:nothing", "json:dumps", ":"])
def test_a_moderator_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match="KEEPWARM_MODERATION"):
        load_moderator(name)


def test_without_a_name_everything_passes() -> None:
    moderator = load_moderator("")
    moderator.before("anything")
    moderator.after("anything")
