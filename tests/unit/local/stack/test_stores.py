"""What the stack says of stores that it cannot make."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from local.errors import StackError
from local.stack import stores


class Refusing:
    """A client all of whose calls fail."""

    def __init__(self, code: str) -> None:
        self._code = code

    def __getattr__(self, name: str) -> object:
        def call(**arguments: object) -> None:
            raise ClientError({"Error": {"Code": self._code, "Message": "no"}}, name)

        return call


def test_stores_that_do_not_answer_are_named_as_the_cause():
    with pytest.raises(StackError, match="the stores do not answer"):
        stores.make_stores("http://127.0.0.1:9")


def test_a_refusal_is_told_in_the_stores_own_words(monkeypatch):
    monkeypatch.setattr(stores, "client", lambda name, url: Refusing("ValidationException"))
    with pytest.raises(
        StackError, match=r"refuse what the stack needs: .*CreateTable|create_table"
    ):
        stores.make_stores("http://stores")


def test_what_is_there_already_is_left_alone(monkeypatch):
    monkeypatch.setattr(stores, "client", lambda name, url: Refusing("ResourceInUseException"))
    stores.make_stores("http://stores")
