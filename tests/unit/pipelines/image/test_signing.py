"""The registry's signing configuration, which is not ours alone."""

from __future__ import annotations

from pipelines.image.signing import ensure_signing
from pipelines.names import Names
from pipelines.testing.control_plane import ControlPlane
from pipelines.testing.control_plane.ecr_checks import ImageChecks
from pipelines.testing.control_plane.signer import Signer

NAMES = Names("keepwarm-two")
THEIRS = {"signingProfileArn": "arn:aws:signer:us-east-1:123456789012:/signing-profiles/theirs"}


def rules(plane: ControlPlane) -> list[dict[str, object]]:
    told = plane.client("ecr").get_signing_configuration()["signingConfiguration"]
    found: list[dict[str, object]] = told["rules"]
    return found


def test_a_profile_and_a_rule_for_our_repository_are_made_once() -> None:
    plane = ControlPlane()
    clients = plane.as_role("author")
    assert ensure_signing(clients, NAMES)
    assert not ensure_signing(clients, NAMES)
    assert plane.part(Signer).profiles == {"keepwarm_two_image": "Notation-OCI-SHA384-ECDSA"}
    (rule,) = rules(plane)
    assert rule["repositoryFilters"] == [{"filter": "keepwarm-two", "filterType": "WILDCARD_MATCH"}]


def test_the_rules_of_others_stay() -> None:
    plane = ControlPlane()
    plane.client("ecr").put_signing_configuration(signingConfiguration={"rules": [THEIRS]})
    ensure_signing(plane.as_role("author"), NAMES)
    assert rules(plane)[0] == THEIRS
    assert len(rules(plane)) == 2


def test_a_second_try_after_a_failure_goes_on() -> None:
    plane = ControlPlane()
    plane.throttle("ecr", "PutSigningConfiguration")
    clients = plane.as_role("author")
    try:
        ensure_signing(clients, NAMES)
    except plane.client("ecr").exceptions.ClientError:
        assert ensure_signing(clients, NAMES)
    assert len(rules(plane)) == 1
    assert plane.part(ImageChecks).rules
