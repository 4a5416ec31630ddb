"""Many ask the engine one thing: it is asked once, and nobody waits longer than allowed."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from serving.engine.inquiry import MAX_WAITING, Inquiry
from serving.engine.messages import AskKVUsage
from serving.errors import EngineUnavailable
from serving.request import KVUsage
from tests.unit.serving.thread_client import PATIENCE_S, wait_until


def usage_of(total):
    return KVUsage(
        block_size=16, total=total, free=total, cached=0, used=0, shared=0, sessions=[], other=0
    )


@pytest.fixture
def sent():
    return []


@pytest.fixture
def inquiry(sent):
    return Inquiry(sent.append)


@pytest.fixture
def pool():
    with ThreadPoolExecutor(MAX_WAITING + 1) as pool:
        yield pool


def test_many_that_ask_at_a_time_are_one_question(inquiry, sent, pool):
    asking = [pool.submit(inquiry.get, PATIENCE_S) for _ in range(MAX_WAITING)]
    wait_until(lambda: inquiry.waiting == MAX_WAITING)
    assert sent == [AskKVUsage()]
    inquiry.answer(usage_of(3))
    assert [asked.result() for asked in asking] == [usage_of(3)] * MAX_WAITING


def test_who_asks_after_an_answer_asks_again(inquiry, sent, pool):
    for total in (1, 2):
        asked = pool.submit(inquiry.get, PATIENCE_S)
        wait_until(lambda total=total: len(sent) == total)
        inquiry.answer(usage_of(total))
        assert asked.result() == usage_of(total)


def test_nothing_to_tell_is_an_answer_too(inquiry, sent, pool):
    asked = pool.submit(inquiry.get, PATIENCE_S)
    wait_until(lambda: sent)
    inquiry.answer(None)
    assert asked.result() is None


def test_a_question_that_was_not_waited_for_is_not_asked_twice(inquiry, sent):
    for _ in range(3):
        with pytest.raises(EngineUnavailable):
            inquiry.get(0.0)
    assert len(sent) == 1
    inquiry.answer(usage_of(1))
    assert inquiry.get(0.0) == usage_of(1)
    assert len(sent) == 2


def test_when_enough_wait_the_next_one_takes_what_is_known(inquiry, pool):
    inquiry.answer(usage_of(1))
    asking = [pool.submit(inquiry.get, PATIENCE_S) for _ in range(MAX_WAITING)]
    wait_until(lambda: inquiry.waiting == MAX_WAITING)
    assert pool.submit(inquiry.get, PATIENCE_S).result(PATIENCE_S / 2) == usage_of(1)
    inquiry.answer(usage_of(2))
    assert {asked.result().total for asked in asking} == {2}


def test_the_engines_end_wakes_whoever_waits(inquiry, pool):
    asked = pool.submit(inquiry.get, PATIENCE_S)
    wait_until(lambda: inquiry.waiting == 1)
    inquiry.end()
    with pytest.raises(EngineUnavailable):
        asked.result()
    with pytest.raises(EngineUnavailable):
        inquiry.get(PATIENCE_S)
