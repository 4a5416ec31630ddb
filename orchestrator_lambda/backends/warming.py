"""The warm hint: the stored history goes through the model once, before its next turn comes.

With `max_tokens` 0 the container prefills and generates nothing. The body is a turn's own, so the
endpoint's router takes it where the turn will go; and the history being cached there already costs
next to nothing to find out.
"""

from __future__ import annotations

from dataclasses import replace

from orchestrator_lambda.backends.interface import Backend, GenerationRequest, Receipt
from orchestrator_lambda.errors import OrchestratorError

WARM_DEADLINE_MS = 20_000


def warming_request(request: GenerationRequest) -> GenerationRequest:
    """The same prompt, prefilled only."""
    deadline_ms = min(request.deadline_ms or WARM_DEADLINE_MS, WARM_DEADLINE_MS)
    sampling = {"max_tokens": 0, "temperature": 0}
    return replace(request, sampling=sampling, deadline_ms=deadline_ms)


def warm(backend: Backend, request: GenerationRequest) -> Receipt | None:
    """Prefill at one backend; None if it would not or could not."""
    try:
        items = list(backend.generate(warming_request(request)))
    except OrchestratorError:
        return None
    return next((item for item in items if isinstance(item, Receipt)), None)
