"""One stage of the edge as frozen records: plain values, checked once when the stage is made.

The records say what is meant and in which bounds; `rules` refuses what is out of bounds or
contradicts itself; `reading` takes them from the TOML file; `table` writes the docs. No CDK here.
"""

from infrastructure.settings.capacity import Fleet, Model
from infrastructure.settings.chat import Events, Function, Sessions, Watch
from infrastructure.settings.edge import Api, Edge, Network, SignIn
from infrastructure.settings.reading import load, placeholders, stage_names
from infrastructure.settings.stage import Stage

__all__ = [
    "Api",
    "Edge",
    "Events",
    "Fleet",
    "Function",
    "Model",
    "Network",
    "Sessions",
    "SignIn",
    "Stage",
    "Watch",
    "load",
    "placeholders",
    "stage_names",
]
