"""Token-exact reuse across turns: the ids a conversation was generated with, found by its text.

    turn 1   [ prompt 1 ][ answer 1 ]                           remembered under hash(text)
    turn 2   [ prompt 1   answer 1  ]<|im_end|>...[ answer 2 ]  finds turn 1, remembers the rest

A client sends its history as text. Encoding the model's own answer again may give other ids than
were generated ("Hel|lo" for "Hello"), and from the first other id on the KV blocks of the turn
before do not match. So the ids are kept, and the next turn takes them where its text begins with
the remembered one.

Only texts followed by a special token are looked up: the tokenizer parts its input there (a
chat's special tokens do not look to their left), so the remembered ids and the encoding of the
rest make an encoding of the whole.
"""

from __future__ import annotations

import hashlib
import re
import threading
from array import array
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from serving.engine.detokenizer import decode_continuation, special_token_ids
from serving.tokenizer import Tokenizer

_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True, eq=False)
class _Turn:
    """The ids that one turn added to its parent's; `length` is of the whole text, in characters."""

    parent: _Turn | None
    digest: bytes
    length: int
    ids: array[int]

    def lineage(self) -> Iterator[_Turn]:
        """This turn and those before it, the latest first."""
        turn: _Turn | None = self
        while turn is not None:
            yield turn
            turn = turn.parent

    def all_ids(self) -> list[int]:
        """Ids of the whole text."""
        ids: list[int] = []
        for turn in reversed(list(self.lineage())):
            ids.extend(turn.ids)
        return ids


class TranscriptCache:
    """Remembers how conversations were spelled in tokens, least recently used ones forgotten first.

    Texts are not kept: a turn is known by the 128-bit BLAKE2b digest of salt and text, and by the
    text's length; two texts with one digest are not to be expected (2^64 turns for even odds).
    Each turn holds only the ids it added, so a conversation costs its length once.

    Invariant: a turn is never used more recently than its parent, so that what is forgotten first
    has no successor left. Thread-safe.

    Args:
        tokenizer: encodes what is not remembered.
        max_entries: turns kept.
        max_tokens: ids kept, four bytes each.
    """

    def __init__(
        self, tokenizer: Tokenizer, *, max_entries: int = 65_536, max_tokens: int = 8_000_000
    ) -> None:
        self._tokenizer = tokenizer
        self._max_entries = max_entries
        self._max_tokens = max_tokens
        self._turns: OrderedDict[bytes, _Turn] = OrderedDict()
        self._num_tokens = 0
        self._lock = threading.Lock()
        self._silent = special_token_ids(tokenizer)
        # The longest first, as the tokenizer itself prefers it.
        specials = sorted(tokenizer.special_tokens, key=len, reverse=True)
        self._cut = re.compile("|".join(map(re.escape, specials)) if specials else r"(?!)")

    def __len__(self) -> int:
        """Turns kept."""
        return len(self._turns)

    @property
    def num_tokens(self) -> int:
        """Ids kept."""
        return self._num_tokens

    def encode(self, text: str, salt: str = "") -> list[int]:
        """Token ids of `text`: the remembered ones as far as they reach, then the tokenizer's."""
        cuts = self._cuts(text, salt)
        with self._lock:
            turn = self._lookup(cuts)
        if turn is None:
            return self._tokenizer.encode(text)
        return turn.all_ids() + self._tokenizer.encode(text[turn.length :])

    def remember(
        self,
        prompt_text: str,
        prompt_ids: list[int],
        answer_text: str,
        answer_ids: list[int],
        salt: str = "",
    ) -> None:
        """Keep the ids of an answered prompt, for the turn that begins with both.

        Args:
            prompt_text: what `encode` was asked.
            prompt_ids: what it returned.
            answer_text: the answer as the client has it.
            answer_ids: ids that spell it or a beginning of it; special tokens at their end are
                dropped, since the next turn's text brings its own. Ids that spell anything else
                are not remembered.
            salt: the tenant's, as given to `encode`.
        """
        answer = self._spelled(prompt_ids, answer_text, answer_ids)
        if answer is None:
            return
        text = prompt_text + answer_text
        digest = _digester(salt)
        digest.update(_bytes(text))
        cuts = self._cuts(prompt_text, salt)
        with self._lock:
            parent = self._lookup(cuts)
            known = [] if parent is None else parent.all_ids()
            if known != prompt_ids[: len(known)]:
                parent, known = None, []  # forgotten and learned anew since it was encoded
            added = array("I", prompt_ids[len(known) :] + answer)
            self._keep(_Turn(parent, digest.digest(), len(text), added))

    def _spelled(
        self, prompt_ids: list[int], answer_text: str, answer_ids: list[int]
    ) -> list[int] | None:
        """Ids of the whole of `answer_text`, beginning with `answer_ids`; None if they differ."""
        ids = list(answer_ids)
        while ids and ids[-1] in self._silent:
            ids.pop()
        if not ids:
            return None
        spelled = decode_continuation(self._tokenizer, prompt_ids, ids)
        if not answer_text.startswith(spelled):
            return None
        return ids + self._tokenizer.encode(answer_text[len(spelled) :])

    def _cuts(self, text: str, salt: str) -> list[tuple[int, bytes]]:
        """Length and digest of each beginning of `text` that a special token follows."""
        digest = _digester(salt)
        cuts: list[tuple[int, bytes]] = []
        done = 0
        for match in self._cut.finditer(text):
            digest.update(_bytes(text[done : match.start()]))
            done = match.start()
            cuts.append((done, digest.digest()))
        return cuts

    def _lookup(self, cuts: list[tuple[int, bytes]]) -> _Turn | None:
        """The longest remembered text among them. Under the lock, as are those below."""
        for length, digest in reversed(cuts):
            turn = self._turns.get(digest)
            if turn is not None and turn.length == length:
                self._touch(turn)
                return turn
        return None

    def _touch(self, turn: _Turn) -> None:
        """Mark it and those before it as just used, the oldest ancestor last."""
        for each in turn.lineage():
            self._turns.move_to_end(each.digest)

    def _keep(self, turn: _Turn) -> None:
        if len(turn.ids) > self._max_tokens:
            return
        known = self._turns.get(turn.digest)
        if known is None:
            self._turns[turn.digest] = turn
            self._num_tokens += len(turn.ids)
        self._touch(known or turn)
        while len(self._turns) > self._max_entries or self._num_tokens > self._max_tokens:
            _, forgotten = self._turns.popitem(last=False)
            self._num_tokens -= len(forgotten.ids)


def _digester(salt: str) -> hashlib.blake2b:
    """A digest that begins with the salt; its length comes first, so that no text can feign it."""
    prefix = _bytes(salt)
    return hashlib.blake2b(len(prefix).to_bytes(8, "big") + prefix, digest_size=_DIGEST_BYTES)


def _bytes(text: str) -> bytes:
    """UTF-8 that takes lone surrogates too: hashing must not be what refuses a text."""
    return text.encode("utf-8", "surrogatepass")
