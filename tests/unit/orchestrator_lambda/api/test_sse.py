from orchestrator_lambda.api.sse import PING, event_bytes, stream_response
from orchestrator_lambda.errors import StoreUnavailable
from orchestrator_lambda.sessions.interface import StreamEvent


def test_an_event_on_the_wire() -> None:
    assert event_bytes("delta", {"text": "ä\nb"}, 3) == (
        'id: 3\nevent: delta\ndata: {"text":"ä\\nb"}\n\n'.encode()
    )


def test_an_event_without_id_keeps_the_readers_last_one() -> None:
    assert event_bytes("title", {}) == b"event: title\ndata: {}\n\n"


def test_half_a_surrogate_pair_does_not_break_the_stream() -> None:
    assert b"?" in event_bytes("delta", {"text": "\ud800"}, 1)


def test_the_stream_opens_at_once_and_a_silent_one_is_kept_open() -> None:
    events = iter([None, None, StreamEvent(1, "delta", {"text": "a"}), None])
    pieces = list(stream_response(events, {"x": 1}, ping_s=0.0).body)

    assert pieces[0] == b'event: turn\ndata: {"x":1}\n\n' + PING
    assert pieces[1:] == [PING, PING, event_bytes("delta", {"text": "a"}, 1), PING]


def test_short_silences_are_passed_over() -> None:
    pieces = list(stream_response(iter([None] * 5), {}, ping_s=60.0).body)
    assert len(pieces) == 1


def test_a_failure_in_mid_stream_is_told() -> None:
    def failing():  # type: ignore[no-untyped-def]
        yield StreamEvent(1, "delta", {"text": "a"})
        raise StoreUnavailable("later")

    last = list(stream_response(failing(), {}, ping_s=1.0, request_id="r-9").body)[-1]

    assert last.startswith(b"event: error\n")
    assert b'"code":"store_unavailable"' in last
    assert b'"request_id":"r-9"' in last
