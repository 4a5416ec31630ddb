"""A conversation's home in a fleet: the instance that has its KV cache, by the balancer's cookie.

An Application Load Balancer with stickiness pins each client to an instance, by a cookie that it
sets with every answer and that it alone can read. Here a client is a conversation:

    first turn       no cookie          -> the instance with the fewest    answer: AWSALB=a
    next turn        AWSALB=a           -> the same                        answer: AWSALB=b
    that is full     AWSALB=b: 429      -> at once again without a cookie  answer: AWSALB=c

What an instance answers that had no room, or is going, keeps nobody there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from orchestrator_lambda.backends.body import routing_id
from orchestrator_lambda.backends.failures import STALLED, AnswerBroken
from orchestrator_lambda.backends.interface import GenerationRequest
from orchestrator_lambda.backends.session_book import SessionBook

HOME_TTL_S = 3600
"""As long as the balancer itself believes a cookie."""
MAX_COOKIE = 1024
SPILLS = frozenset({429, 502, 503, 504})
"""No room, going, or gone: it has not begun to answer, and another may."""

_PAIR = rf"(AWSALB|AWSALBCORS)=[!#-+\--:<-\[\]-~]{{1,{MAX_COOKIE}}}"
_SET = re.compile(rf"\s*(?P<pair>{_PAIR})\s*(?:;.*)?")
_KEPT = re.compile(rf"{_PAIR}(?:; {_PAIR})?")


class Homes:
    """The homes of conversations in one fleet, in a book that several may share.

    An entry says whose it is (fleet, tenant, model revision and conversation), so that no request
    goes by another's cookie, whatever the book returns.
    """

    def __init__(self, backend: str, book: SessionBook) -> None:
        self._backend = backend
        self._book = book

    def known(self, request: GenerationRequest) -> str | None:
        """The `Cookie` header that leads home, as far as anybody remembers."""
        kept, owner = self._book.home(request.conversation_id) or "", self._owner(request)
        cookies = kept.removeprefix(owner)
        return cookies if kept.startswith(owner) and _KEPT.fullmatch(cookies) else None

    def learn(self, request: GenerationRequest, status: int, set_cookies: Iterable[str]) -> None:
        """What an answer says: where it came from, or, by its status, that one should leave.

        Args:
            request: what was answered.
            status: of the answer.
            set_cookies: its `Set-Cookie` headers; all but the balancer's own are passed over.
        """
        if status == 429 or status >= 500:
            self.leave(request)
            return
        found = [match for line in set_cookies if (match := _SET.fullmatch(line))]
        pairs = {match[2]: match["pair"] for match in found}
        if pairs:
            home = self._owner(request) + "; ".join(pairs.values())
            self._book.keep_home(request.conversation_id, home, ttl_s=HOME_TTL_S)

    def leave(self, request: GenerationRequest) -> None:
        """The next request goes wherever the balancer finds best."""
        self._book.drop_home(request.conversation_id)

    @contextmanager
    def unless_silent(self, request: GenerationRequest) -> Iterator[None]:
        """An instance that falls silent is left: its balancer may take long to notice.

        After a reset one comes back, since connections end for many reasons. If the instance is
        gone, the balancer says so.
        """
        try:
            yield
        except AnswerBroken as error:
            if error.reason == STALLED:
                self.leave(request)
            raise

    def _owner(self, request: GenerationRequest) -> str:
        return f"{self._backend}/{routing_id(request)}/"
