"""Several backends as one: the reader of an answer does not know which of them gave it."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator_lambda.backends.choosing import Member, admitted, in_order
from orchestrator_lambda.backends.interface import Generation, GenerationRequest, Receipt
from orchestrator_lambda.backends.routed import RoutedGeneration, RoutingPolicy
from orchestrator_lambda.backends.warming import warm


class Router:
    """Obeys `Backend`; any number of threads may generate at once.

    Args:
        members: in order of preference, or all with weights.
        policy: how hard an answer is tried for.

    Raises:
        ValueError: no members, two of one name, or weights for some of them only.
    """

    def __init__(
        self,
        members: Sequence[Member],
        *,
        policy: RoutingPolicy | None = None,
        name: str = "router",
    ) -> None:
        if not members:
            raise ValueError("a router needs a backend")
        if len({member.name for member in members}) < len(members):
            raise ValueError("two backends have the same name; give one of them another")
        if len({member.weight is None for member in members}) > 1:
            raise ValueError("give every backend a weight, or none")
        self.name = name
        self.members = tuple(members)
        self._policy = policy or RoutingPolicy()

    def generate(self, request: GenerationRequest) -> Generation:
        """See Backend.generate; nothing is sent before the generation is iterated."""
        order = in_order(self.members, request.conversation_id)
        return RoutedGeneration(request, order, self._policy)

    def healthy(self) -> bool:
        """Whether any member may be tried now."""
        return any(
            member.backend.healthy() and member.available_in() <= 0 for member in self.members
        )

    def warm(self, request: GenerationRequest) -> Receipt | None:
        """See Warmable: at the conversation's first choice, and nowhere else."""
        first = in_order(self.members, request.conversation_id)[:1]
        member = admitted(first, ())
        if member is None:
            return None
        receipt = warm(member.backend, request)
        if receipt is None:
            member.breaker.dropped()
        else:
            member.breaker.succeeded()
        return receipt
