from urllib.parse import parse_qs, urlsplit

import botocore.session
import pytest
from botocore.credentials import Credentials

from orchestrator_lambda.errors import ConfigError
from orchestrator_lambda.sessions.iam import RENEW_SECONDS, IamCredentials
from orchestrator_lambda.sessions.settings import SessionSettings


class FakeSession:
    """Fixed credentials, the real signer."""

    def __init__(self) -> None:
        self.signed = 0

    def get_credentials(self) -> Credentials:
        self.signed += 1
        return Credentials("AKIDEXAMPLE", "secret", "session-token")

    def get_component(self, name: str) -> object:
        return botocore.session.get_session().get_component(name)


def credentials(serverless: bool = False, moment: list[float] | None = None) -> IamCredentials:
    moment = moment or [0.0]
    return IamCredentials(
        user="Chat-User",
        cache="chat-cache",
        region="eu-west-1",
        serverless=serverless,
        session=FakeSession(),
        clock=lambda: moment[0],
    )


@pytest.mark.parametrize("serverless", [True, False])
def test_the_password_is_a_presigned_connect_without_its_scheme(serverless: bool) -> None:
    user, token = credentials(serverless).get_credentials()

    parts = urlsplit(f"https://{token}")
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert user == "chat-user"
    assert not token.startswith("http")
    assert (parts.hostname, parts.path) == ("chat-cache", "/")
    assert query["Action"] == "connect"
    assert query["User"] == "chat-user"
    assert query["X-Amz-Expires"] == "900"
    assert query["X-Amz-Security-Token"] == "session-token"
    assert "/eu-west-1/elasticache/aws4_request" in query["X-Amz-Credential"]
    assert query.get("ResourceType") == ("ServerlessCache" if serverless else None)
    assert len(query["X-Amz-Signature"]) == 64


def test_a_token_serves_for_ten_minutes_and_is_then_made_anew() -> None:
    moment = [0.0]
    provider = credentials(moment=moment)
    provider.get_credentials()
    moment[0] = RENEW_SECONDS - 1
    provider.get_credentials()
    assert provider._session.signed == 1
    moment[0] = RENEW_SECONDS
    provider.get_credentials()
    assert provider._session.signed == 2
    provider.forget()
    provider.get_credentials()
    assert provider._session.signed == 3


def test_iam_needs_the_cache_and_the_region() -> None:
    with pytest.raises(ConfigError, match="KEEPWARM_REDIS_IAM_CACHE"):
        SessionSettings.from_env({"KEEPWARM_REDIS_IAM_USER": "u", "AWS_REGION": "eu-west-1"})
    with pytest.raises(ConfigError, match="AWS_REGION"):
        SessionSettings.from_env(
            {"KEEPWARM_REDIS_IAM_USER": "u", "KEEPWARM_REDIS_IAM_CACHE": "cache"}
        )
