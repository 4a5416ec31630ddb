"""One deployment of the whole edge, checked when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from infrastructure.settings import rules
from infrastructure.settings.capacity import Fleet, Model
from infrastructure.settings.chat import Events, Function, Sessions, Watch
from infrastructure.settings.edge import Api, Edge, Network, SignIn
from infrastructure.settings.fields import setting


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One deployment of the whole edge.

    Raises:
        SettingsError: a value is wrong or contradicts another one; names stage, key and value.
    """

    name: str = setting(
        "",
        "name of the stage, the table's own",
        pattern=r"[a-z][a-z0-9]{0,11}",
        like="1 to 12 lower-case letters and digits, such as dev",
    )
    account: str = setting(
        "", "account number; required", pattern=r"\d{12}", like="the twelve digits of an account"
    )
    region: str = setting(
        "us-east-1",
        "region of all but CloudFront's firewall and certificate",
        pattern=r"[a-z]{2}(-[a-z]+)+-\d",
        like="a region such as eu-central-1",
    )
    prefix: str = setting(
        "keepwarm",
        "first part of every name",
        pattern=r"[a-z][a-z0-9-]{0,18}[a-z0-9]",
        like="2 to 20 lower-case letters, digits and hyphens",
    )
    removal: Literal["retain", "destroy"] = setting(
        "retain",
        "what happens to data when a stack goes; retain also protects the stacks",
        choices=("retain", "destroy"),
    )
    tags: Mapping[str, str] = field(
        default_factory=dict, metadata={"about": "tags on every resource"}
    )
    network: Network = field(default_factory=Network)
    edge: Edge = field(default_factory=Edge)
    api: Api = field(default_factory=Api)
    sign_in: SignIn = field(default_factory=SignIn)
    function: Function = field(default_factory=Function)
    sessions: Sessions = field(default_factory=Sessions)
    events: Events = field(default_factory=Events)
    model: Model = field(default_factory=Model)
    fleet: Fleet = field(default_factory=Fleet)
    watch: Watch = field(default_factory=Watch)

    def __post_init__(self) -> None:
        rules.check(self)

    @property
    def retains(self) -> bool:
        """Whether data and stacks are kept when someone deletes."""
        return self.removal == "retain"
