"""`keepwarm deploy`, `rollback`, `status`, `delete`: the real commands on the fake account."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cli import deploy as commands
from cli.deploy_view import rows
from cli.errors import CliError
from pipelines.endpoint.status import status
from pipelines.registry.interface import Approval
from pipelines.testing.control_plane.pipelines import Pipelines
from tests.support.endpoint_account import EndpointAccount

Command = Callable[[argparse.Namespace], int]
ADD = {
    commands.deploy: commands.add_arguments,
    commands.rollback: commands.add_rollback_arguments,
    commands.status: commands.add_status_arguments,
    commands.delete: commands.add_delete_arguments,
}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> EndpointAccount:
    made = EndpointAccount()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KEEPWARM_DEPLOY_ACCOUNT", "123456789012")
    monkeypatch.setattr(commands, "clients_of", lambda settings: made.deployment.clients)
    monkeypatch.setattr(commands.time, "sleep", made.plane.advance)
    return made


def run(command: Command, *words: str) -> int:
    parser = argparse.ArgumentParser()
    ADD[command](parser)
    return command(parser.parse_args(words))


def test_deploy_waits_until_the_version_serves_and_tells_the_stages(
    account: EndpointAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    account.serve()
    account.register("b")
    assert run(commands.deploy, "--version", "2", "--approve", "--wait") == 0
    out, err = capsys.readouterr()
    assert account.serving == 2
    assert "the endpoint serves version 2 on 2 instances" in out
    assert "from version 1 to 2, with a canary" in err
    assert "25 % of capacity" in err


def test_deploy_without_waiting_says_that_it_goes_on(
    account: EndpointAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    account.register(approve=True)
    assert run(commands.deploy) == 0
    assert "keepwarm status" in capsys.readouterr().err
    account.settle()
    assert account.serving == 1


def test_a_version_that_is_taken_back_fails_the_command(account: EndpointAccount) -> None:
    account.serve()
    bad = account.register("b")
    account.endpoints.broken[account.model_of(bad)] = "the driver is too old"
    with pytest.raises(CliError, match=r"version 2 was taken back.*serves version 1"):
        run(commands.deploy, "--version", "2", "--approve", "--wait")


def test_ctrl_c_leaves_the_update_running(
    account: EndpointAccount,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account.register(approve=True)

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(commands.deploy, "--wait")
    assert "it goes on without this command" in capsys.readouterr().err
    account.settle()
    assert account.serving == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--approve",), "--approve needs --version"),
        (("--version", "2"), "version 2 is PendingManualApproval"),
        (("--version", "9"), "there is no version 9"),
    ],
)
def test_what_cannot_be_deployed(
    account: EndpointAccount, words: tuple[str, ...], sentence: str
) -> None:
    account.serve()
    account.register("b")
    with pytest.raises(CliError, match=sentence):
        run(commands.deploy, *words)
    assert account.count("UpdateEndpoint") == 0


def test_an_older_version_is_reached_by_rolling_back_alone(account: EndpointAccount) -> None:
    account.serve("a")
    account.serve("b")
    with pytest.raises(CliError, match=r"version 2 is approved and newer.*rollback --to 1"):
        run(commands.deploy, "--version", "1")


def test_without_approved_versions_there_is_nothing_to_deploy(account: EndpointAccount) -> None:
    with pytest.raises(CliError, match="no version is approved"):
        run(commands.deploy)


def test_rollback_goes_back_and_keeps_the_reason(
    account: EndpointAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    account.serve("a")
    bad = account.serve("b")
    assert run(commands.rollback, "--reason", "answers in riddles", "--wait") == 0
    assert account.serving == 1
    assert account.approval_of(bad) is Approval.REJECTED
    assert account.reason_of(bad) == "answers in riddles"
    assert "the endpoint serves version 1" in capsys.readouterr().out


def test_status_shows_everything_at_once(
    account: EndpointAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    account.serve("a")
    start_pipeline(account)
    account.register("b", approve=True)
    account.settle(400)
    account.alarms.set_state("keepwarm-truncated", "ALARM", "6 streams")
    assert run(commands.status) == 0
    shown = capsys.readouterr().out
    for text in (
        "Updating", "version 1 on 2 instances", "version 2", "25 % of capacity", "Approved",
        "keepwarm-truncated", "6 streams", "Evaluate", "perplexity is too high", "Executing",
        "1 of 11 steps are done", "Register",
    ):  # fmt: skip
        assert text in shown


def test_status_as_json_has_the_same(
    account: EndpointAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    account.serve()
    start_pipeline(account)
    assert run(commands.status, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["endpoint"]["version"] == 1
    assert found["scaling"] == {"low": 2, "high": 4, "target": 22.0}
    assert [one["number"] for one in found["versions"]] == [1]
    assert {one["name"] for one in found["alarms"]} == set(account.alarms.items)
    assert [one["name"] for one in found["execution"]["progress"]["steps"]] == [
        "BuildImage",
        "Evaluate",
    ]


def test_status_of_nothing(account: EndpointAccount) -> None:
    assert list(rows(status(account.deployment))) == [("endpoint", "there is none", "")]


def test_delete_asks_first_and_then_leaves_nothing(account: EndpointAccount) -> None:
    account.serve()
    with pytest.raises(CliError, match="--yes"):
        run(commands.delete)
    assert run(commands.delete, "--yes", "--wait") == 0
    account.settle()
    assert account.pieces == set()


def test_a_deleted_endpoint_comes_back_by_a_command_alone(account: EndpointAccount) -> None:
    account.serve()
    run(commands.delete, "--yes", "--wait")
    account.register("b", approve=True)
    account.settle()
    assert account.pieces == set()
    assert run(commands.deploy, "--wait") == 0
    assert account.serving == 2


def start_pipeline(account: EndpointAccount) -> None:
    """An execution that is at Evaluate."""
    sagemaker = account.plane.client("sagemaker")
    sagemaker.create_pipeline(
        PipelineName="keepwarm",
        PipelineDefinition="{}",
        RoleArn="arn:aws:iam::123456789012:role/keepwarm-pipeline",
    )
    arn = sagemaker.start_pipeline_execution(PipelineName="keepwarm")["PipelineExecutionArn"]
    pipelines = account.plane.part(Pipelines)
    pipelines.step(arn, "BuildImage", "Succeeded")
    pipelines.step(arn, "Evaluate", "Failed", "perplexity is too high")
