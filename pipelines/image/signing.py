"""Managed signing: ECR signs what is pushed, with a profile of AWS Signer, as who pushed it.

Its configuration is one for the whole registry of the account, which others may use too: our rule
is put beside theirs. A template that owned it would take theirs away.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from pipelines.aws import Clients
from pipelines.image.failures import error_code
from pipelines.image.repository import signs
from pipelines.names import Names

PLATFORM = "Notation-OCI-SHA384-ECDSA"


def profile_name(names: Names) -> str:
    """Signer's names have no hyphens."""
    return f"{names.prefix.replace('-', '_')}_image"


def ensure_signing(clients: Clients, names: Names) -> bool:
    """Have the images of our repository signed from now on; False if that was so already."""
    ecr = clients.client("ecr")
    rules = _rules(ecr)
    profile = _ensure_profile(clients.client("signer"), profile_name(names))
    for rule in rules:
        if rule["signingProfileArn"] == profile and signs(rule, names.repository):
            return False
    ours = [{"filter": names.repository, "filterType": "WILDCARD_MATCH"}]
    rules.append({"signingProfileArn": profile, "repositoryFilters": ours})
    ecr.put_signing_configuration(signingConfiguration={"rules": rules})
    return True


def _rules(ecr: Any) -> list[dict[str, Any]]:
    try:
        return list(ecr.get_signing_configuration()["signingConfiguration"]["rules"])
    except ClientError as error:
        if error_code(error) == "SigningConfigurationNotFoundException":
            return []
        raise


def _ensure_profile(signer: Any, name: str) -> str:
    try:
        arn: str = signer.get_signing_profile(profileName=name)["arn"]
    except ClientError as error:
        if error_code(error) != "ResourceNotFoundException":
            raise
        arn = signer.put_signing_profile(profileName=name, platformId=PLATFORM)["arn"]
    return arn
