import pytest

from orchestrator_lambda.turns.reporting import answer_of


@pytest.mark.parametrize(
    ("event_id", "answer"),
    [("c_1:2:started", 2), ("c_1:0:deleted", 0), ("nonsense", None), ("c:x:ended", None)],
)
def test_an_events_id_names_the_answer_whose_outbox_holds_it(
    event_id: str, answer: int | None
) -> None:
    assert answer_of(event_id) == answer
