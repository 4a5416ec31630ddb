"""`keepwarm infra ...` with a fake cdk on the PATH and the fake of AWS's control plane."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from cli import infra
from cli.errors import CliError
from infrastructure import synthesis
from infrastructure.settings import Stage
from pipelines.testing.control_plane import ControlPlane

STAGES = """
[one]
account = "123456789012"
removal = "{removal}"
[one.edge]
domain = "chat.example.org"
hosted_zone_id = "Z0123456789ABC"
[one.sign_in]
domain_prefix = "chat"
[one.model]
kind = "existing"
endpoint_name = "keepwarm"
"""

PROGRAM = """#!{python}
import json, os, sys
with open({log!r}, "a") as log:
    print(json.dumps([os.path.basename(sys.argv[0]), *sys.argv[1:]]), file=log)
print("spoken by cdk")
sys.exit({code})
"""


class Machine:
    """A machine with fake programs, an account, and one stage for it."""

    def __init__(self, folder: Path) -> None:
        self.programs = folder / "bin"
        self.programs.mkdir()
        self.stages = folder / "stages.toml"
        self.log = folder / "log"
        self.plane = ControlPlane()
        self.synthesised: list[bool] = []
        self.write_stages()
        for name in ("cdk", "make"):
            self.install(name)

    def write_stages(self, removal: str = "retain", **changes: str) -> None:
        text = STAGES.format(removal=removal)
        for old, new in changes.items():
            text = text.replace(old, new)
        self.stages.write_text(text, encoding="utf-8")

    def install(self, name: str, code: int = 0) -> None:
        program = self.programs / name
        text = PROGRAM.format(python=sys.executable, log=str(self.log), code=code)
        program.write_text(text, encoding="utf-8")
        program.chmod(0o755)

    def remove(self, name: str) -> None:
        (self.programs / name).unlink()

    @property
    def calls(self) -> list[list[str]]:
        if not self.log.exists():
            return []
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]

    def synthesise(
        self, stage: Stage, output: Path, *, real: bool = False
    ) -> tuple[synthesis.SynthesisedStack, ...]:
        self.synthesised.append(real)
        output.mkdir(parents=True)
        return (synthesis.SynthesisedStack("keepwarm-one-data", stage.region, output / "t.json"),)

    def run(self, action: str, *arguments: str) -> int:
        parser = argparse.ArgumentParser()
        infra.add_actions(parser)
        args = parser.parse_args(
            [action, "--stage", "one", "--stages", str(self.stages), *arguments]
        )
        code: int = args.command(args)
        return code


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path)
    monkeypatch.setenv("PATH", str(made.programs))
    monkeypatch.setattr(infra, "clients_of", lambda stage: made.plane)
    monkeypatch.setattr(synthesis, "synthesise", made.synthesise)
    return made


def answering(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr(infra, "is_interactive", lambda: True)
    monkeypatch.setattr("builtins.input", lambda question: answer)


def test_synth_prints_each_stack_with_its_template(
    machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert machine.run("synth", "--output", str(tmp_path / "out")) == 0

    printed = capsys.readouterr().out
    assert printed == f"keepwarm-one-data  us-east-1  {tmp_path / 'out' / 't.json'}\n"
    assert machine.synthesised == [False]
    assert machine.calls == []


def test_deploy_builds_the_page_and_the_real_package_and_hands_the_assembly_to_cdk(
    machine: Machine,
) -> None:
    assert machine.run("deploy") == 0

    assert machine.synthesised == [True]
    made, (program, action, *options) = machine.calls
    assert made == ["make", "--silent", "web"]
    assert (program, action, options[0], options[2:]) == ("cdk", "deploy", "--app", ["--all"])
    assert options[1].endswith("assembly")


def test_deploy_asks_nothing_with_yes(machine: Machine) -> None:
    machine.run("deploy", "--yes")

    assert machine.calls[-1][-2:] == ["--require-approval", "never"]


def test_diff_compares_what_deploy_would_deploy(machine: Machine) -> None:
    assert machine.run("diff") == 0

    assert machine.synthesised == [True]
    assert machine.calls[-1][:3] == ["cdk", "diff", "--app"]
    assert len(machine.calls[-1]) == 4


def test_what_cdk_says_is_streamed(machine: Machine, capfd: pytest.CaptureFixture[str]) -> None:
    machine.run("diff")

    assert "spoken by cdk" in capfd.readouterr().out


@pytest.mark.parametrize("action", ["diff", "deploy"])
def test_the_exit_code_is_cdk_s(machine: Machine, action: str) -> None:
    machine.install("cdk", code=3)

    assert machine.run(action) == 3


def test_the_assembly_is_gone_afterwards(machine: Machine) -> None:
    machine.run("diff")

    assert not Path(machine.calls[-1][3]).exists()


def test_npx_fetches_cdk_where_there_is_none(machine: Machine) -> None:
    machine.remove("cdk")
    machine.install("npx")

    machine.run("diff")

    assert machine.calls[-1][:4] == ["npx", "--yes", "aws-cdk@2", "diff"]


def test_without_cdk_and_npx_one_sentence_says_how_to_get_it(machine: Machine) -> None:
    machine.remove("cdk")

    with pytest.raises(CliError, match="npm install -g aws-cdk"):
        machine.run("deploy")
    assert machine.calls == []


def test_another_account_s_credentials_are_refused(machine: Machine) -> None:
    machine.write_stages(**{"123456789012": "210987654321"})

    with pytest.raises(CliError) as refused:
        machine.run("deploy", "--yes")

    assert "for account 123456789012, stage 'one' is for 210987654321" in str(refused.value)
    assert machine.calls == []


def test_an_account_that_cannot_be_asked_is_a_sentence(machine: Machine) -> None:
    machine.plane.fail("sts", "GetCallerIdentity", "ExpiredToken")

    with pytest.raises(CliError, match="the account: AWS answers ExpiredToken"):
        machine.run("deploy")


@pytest.mark.parametrize("action", ["diff", "deploy", "destroy"])
def test_the_documentation_s_values_are_refused(machine: Machine, action: str) -> None:
    machine.write_stages(**{"chat.example.org": "chat.example.com"})

    with pytest.raises(CliError) as refused:
        machine.run(action)

    assert "still has the documentation's values in edge.domain" in str(refused.value)
    assert refused.value.exit_code == 2


def test_the_shipped_stages_are_refused(machine: Machine) -> None:
    parser = argparse.ArgumentParser()
    infra.add_actions(parser)
    args = parser.parse_args(["deploy", "--stage", "prod"])

    with pytest.raises(CliError, match="values in account, edge"):
        args.command(args)


def test_a_wrong_setting_is_exit_code_2(machine: Machine) -> None:
    machine.write_stages(**{"keepwarm": "keep warm"})

    with pytest.raises(CliError, match=r"model\.endpoint_name") as refused:
        machine.run("synth")

    assert refused.value.exit_code == 2


def test_a_page_that_cannot_be_built_ends_the_deployment(machine: Machine) -> None:
    machine.install("make", code=2)

    with pytest.raises(CliError, match="`make web` says why"):
        machine.run("deploy")
    assert [call[0] for call in machine.calls] == ["make"]


def test_destroy_asks_for_the_stage_s_name(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answering(monkeypatch, "one")

    assert machine.run("destroy") == 0

    assert machine.calls[-1][:2] == ["cdk", "destroy"]
    assert machine.calls[-1][-2:] == ["--all", "--force"]
    assert machine.synthesised == [False]
    assert "protected" in capsys.readouterr().out


def test_destroy_with_another_answer_destroys_nothing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, "yes")

    with pytest.raises(CliError, match="nothing was destroyed"):
        machine.run("destroy")
    assert machine.calls == []


def test_destroy_refuses_where_nobody_can_be_asked(machine: Machine) -> None:
    with pytest.raises(CliError, match="needs --yes"):
        machine.run("destroy")
    assert machine.calls == []


def test_destroy_with_yes_asks_nobody(machine: Machine) -> None:
    machine.write_stages(removal="destroy")

    assert machine.run("destroy", "--yes") == 0
    assert machine.calls[-1][1] == "destroy"


def test_an_interrupted_cdk_is_waited_for(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted:
        def __init__(self, command: list[str]) -> None:
            self.signals: list[int] = []
            self.waits = 0
            processes.append(self)

        def wait(self) -> int:
            self.waits += 1
            if self.waits == 1:
                raise KeyboardInterrupt
            return 130

        def send_signal(self, number: int) -> None:
            self.signals.append(number)

    processes: list[Interrupted] = []
    fake: Any = Interrupted
    monkeypatch.setattr("infrastructure.toolkit.subprocess.Popen", fake)
    monkeypatch.setattr(infra, "_build_page", lambda: None)

    with pytest.raises(KeyboardInterrupt):
        machine.run("deploy")

    assert processes[0].waits == 2
    assert len(processes[0].signals) == 1
