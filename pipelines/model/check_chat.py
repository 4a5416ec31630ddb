"""Checks of the tokenizer, the chat template and the end of an answer, by a talk of two turns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.model.apart import TooLarge, TooSlow, apart
from pipelines.model.check_config import CONFIG_FILE, read_json
from pipelines.model.report import Finding, Status, failed, ok, skipped, warning
from pipelines.model.scan import Inventory

if TYPE_CHECKING:
    from serving.tokenizer import Tokenizer

TOKENIZER, TEMPLATE, GENERATION = "tokenizer", "chat template", "generation"
TEMPLATE_SECONDS = 10
SYSTEM = {"role": "system", "content": "You answer in one sentence."}
FIRST = {"role": "user", "content": "Which city is the capital of France? Grüße, 你好!"}
ANSWER = "Paris, since the tenth century."
SECOND = {"role": "user", "content": "And of Italy?"}
SAVE = "save it by AutoTokenizer.from_pretrained(...).save_pretrained(...)"
MODELS_OWN = "take the model's own"
RELOAD = "use a template that keeps earlier turns as they were"


def check_chat(inventory: Inventory) -> list[Finding]:
    """Tokenizer, template and end-of-sequence ids, together as a chat uses them."""
    tokenizer, found = _load(inventory)
    if tokenizer is None:
        missing = "there is no tokenizer to use"
        return found + skipped(TEMPLATE, missing) + skipped(GENERATION, missing)
    found += _vocabulary(tokenizer, inventory)
    try:
        rendered, ends = _rendered_apart(tokenizer, _template_text(inventory))
    except TooSlow:
        return [*found, failed(TEMPLATE, "the chat template takes too long", MODELS_OWN)]
    except TooLarge:
        message = "the chat template takes too much memory, or calls itself without end"
        return [*found, failed(TEMPLATE, message, MODELS_OWN)]
    return found + rendered + check_generation(inventory, tokenizer, ends)


def _rendered_apart(tokenizer: Tokenizer, source: str) -> tuple[list[Finding], set[int]]:
    """The template's findings and the ids that end a turn.

    Raises:
        TooSlow, TooLarge: it does not come to an end.
    """

    def work() -> list[Any]:
        found = [
            (one.check, one.status, one.message, one.fix)
            for one in check_template(tokenizer, source)
        ]
        return [found, sorted(_turn_end(tokenizer))]

    found, ends = apart(work, TEMPLATE_SECONDS)
    return [Finding(check, Status(status), *text) for check, status, *text in found], set(ends)


def check_template(tokenizer: Tokenizer, source: str = "") -> list[Finding]:
    """Two turns rendered; the second must begin with the first, or the cache is cold each turn.

    `source` is the text of the template, where it is at hand.
    """
    if not tokenizer.has_chat_template:
        fix = "add chat_template.jinja to the folder"
        return [failed(TEMPLATE, "there is no chat template", fix)]
    first, problem = _render(tokenizer, [FIRST])
    second, later = _render(tokenizer, [FIRST, _said(ANSWER), SECOND])
    if problem or later:
        return [failed(TEMPLATE, problem or later, "correct the template")]
    if FIRST["content"] not in first or SECOND["content"] not in second or ANSWER not in second:
        message = "the template leaves out what was said"
        return [failed(TEMPLATE, message, "let it render the content of every message")]
    found = _stability(tokenizer, first, second)
    found += _dated(source)
    if _render(tokenizer, [SYSTEM, FIRST])[1]:
        message = "the template refuses a system message"
        found.append(warning(TEMPLATE, message, "send instructions in the first user message"))
    return found or ok(TEMPLATE, "two turns rendered; the second begins with the first")


def check_generation(inventory: Inventory, tokenizer: Tokenizer, ends: set[int]) -> list[Finding]:
    """Answers end: an end-of-sequence id is set, exists, and is what the template ends turns by."""
    generation = read_json(inventory, "generation_config.json") or {}
    config = read_json(inventory, CONFIG_FILE) or {}
    text = config.get("text_config") if isinstance(config.get("text_config"), dict) else {}
    value = next(
        (
            one["eos_token_id"]
            for one in (generation, config, text or {})
            if one.get("eos_token_id") is not None
        ),
        None,
    )
    if value is None:
        message = "no eos_token_id is set, so answers end only by their length"
        return [failed(GENERATION, message, "set eos_token_id in generation_config.json")]
    ids = value if isinstance(value, list) else [value]
    size = tokenizer.vocab_size
    if not ids or not all(type(one) is int and 0 <= one < size for one in ids):
        message = f"eos_token_id is {value!r}, and the tokenizer has ids from 0 to {size - 1}"
        return [failed(GENERATION, message, "set the id of the token that ends a turn")]
    if ends and not ends & set(ids):
        names = ", ".join(f"{tokenizer.token_text(one)!r} ({one})" for one in sorted(ends))
        message = f"the template ends a turn by {names}, which eos_token_id {ids} lacks"
        return [warning(GENERATION, message, "add it to eos_token_id in generation_config.json")]
    return ok(GENERATION, f"answers end by {', '.join(tokenizer.token_text(one) for one in ids)}")


def _load(inventory: Inventory) -> tuple[Tokenizer | None, list[Finding]]:
    if "tokenizer.json" not in inventory.files:
        message = "there is no tokenizer.json (the fast form)"
        return None, [failed(TOKENIZER, message, SAVE)]
    from serving.tokenizer import Tokenizer

    try:
        tokenizer = Tokenizer(inventory.captured)
        ids = tokenizer.encode(FIRST["content"])
        back = tokenizer.decode(ids)
    except Exception as error:  # damaged files break it in ways that are not ours
        lines = str(error).splitlines() or [""]
        what = f"{type(error).__name__}: {lines[0]}".replace(str(inventory.captured), ".")
        return None, [failed(TOKENIZER, f"it cannot be loaded: {what}", SAVE)]
    if not ids:
        return None, [failed(TOKENIZER, "it makes no token of a sentence", SAVE)]
    message = f"{tokenizer.vocab_size} tokens"
    if "".join(back.split()) != "".join(FIRST["content"].split()):
        fix = "make sure that this is the model's own tokenizer"
        return tokenizer, [warning(TOKENIZER, f"{message}, but text is not restored", fix)]
    return tokenizer, ok(TOKENIZER, message)


def _vocabulary(tokenizer: Tokenizer, inventory: Inventory) -> list[Finding]:
    config = read_json(inventory, CONFIG_FILE) or {}
    text: Any = config.get("text_config") or config
    size = text.get("vocab_size") if isinstance(text, dict) else None
    if not isinstance(size, int) or tokenizer.vocab_size <= size:
        return []
    message = f"it has {tokenizer.vocab_size} tokens and the model embeds {size}"
    return [failed(TOKENIZER, message, "take tokenizer and weights of one save")]


def _stability(tokenizer: Tokenizer, first: str, second: str) -> list[Finding]:
    """Warnings about what makes a later turn's prompt another text than the earlier one's."""
    again, _ = _render(tokenizer, [FIRST])
    if again != first:
        return [warning(TEMPLATE, "the template renders the same talk differently", RELOAD)]
    if not second.startswith(first):
        message = "the second turn's prompt does not begin with the first one's: nothing stays warm"
        return [warning(TEMPLATE, message, RELOAD)]
    ids, later = tokenizer.encode(first), tokenizer.encode(second)
    if later[: len(ids)] != ids:
        message = "the second turn's tokens do not begin with the first one's"
        return [warning(TEMPLATE, message, "end the generation prompt by a special token")]
    if not second.startswith(first + ANSWER):
        message = "the template rewrites an earlier answer: only the prompt before it stays warm"
        return [warning(TEMPLATE, message, RELOAD)]
    return []


def _template_text(inventory: Inventory) -> str:
    """The template as the folder holds it."""
    inline = (read_json(inventory, "tokenizer_config.json") or {}).get("chat_template")
    return inventory.text("chat_template.jinja") or str(inline or "")


def _dated(source: str) -> list[Finding]:
    if "strftime_now" not in source:
        return []
    message = "the template writes today's date: every talk is cold after midnight"
    return [warning(TEMPLATE, message, "write the date as a fixed text")]


def _turn_end(tokenizer: Tokenizer) -> set[int]:
    """Ids of the first special token behind an answer; empty where none follows."""
    if not tokenizer.has_chat_template:
        return set()
    text, problem = _render(tokenizer, [FIRST, _said(ANSWER), SECOND])
    if problem or ANSWER not in text:
        return set()
    after = text.split(ANSWER, 1)[1].lstrip()
    names = [name for name in tokenizer.special_tokens if name and after.startswith(name)]
    return set(tokenizer.encode(max(names, key=len))) if names else set()


def _render(tokenizer: Tokenizer, messages: list[dict[str, Any]]) -> tuple[str, str]:
    """The prompt and no problem, or the problem."""
    from serving.errors import InvalidRequest

    try:
        return tokenizer.render_chat(messages), ""
    except InvalidRequest as error:
        return "", error.message.splitlines()[0]
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # a template is a program, and may fail in any way
        return "", f"the chat template fails: {type(error).__name__}"


def _said(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}
