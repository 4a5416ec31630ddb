import { useEffect, useRef } from "preact/hooks";
import { draftOf, setDraft } from "../chat/drafts";
import { busy, failure, openId } from "../chat/state";
import { post, stop } from "../chat/turns";
import { grow } from "./grow";
import { Icon } from "./icons";

const touch = matchMedia("(pointer: coarse)");

/** Where one writes: Enter sends, Shift and Enter make a line, Escape stops the answer. */
export function Composer() {
  const id = openId.value;
  const box = useRef<HTMLTextAreaElement>(null);
  const draft = draftOf(id);
  useEffect(() => {
    if (!touch.matches) box.current?.focus({ preventScroll: true });
  }, []);
  useEffect(() => {
    if (box.current) grow(box.current);
  }, [draft]);
  const send = () => {
    const text = draft.trim();
    if (!text || busy.value || failure.value) return;
    setDraft(id, "");
    post(text);
    box.current?.focus();
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div class="composer-box">
        <textarea
          ref={box}
          rows={1}
          aria-label="Message"
          placeholder="Write a message"
          value={draft}
          onInput={(event) => setDraft(id, event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey || event.isComposing || touch.matches)
              return;
            event.preventDefault();
            send();
          }}
        />
        {busy.value ? (
          <button
            type="button"
            class="send stop"
            aria-label="Stop"
            title="Stop (Esc)"
            onClick={stop}
          >
            <Icon name="stop" />
          </button>
        ) : (
          <button
            type="submit"
            class="send"
            aria-label="Send"
            title="Send"
            disabled={!draft.trim() || failure.value !== null}
          >
            <Icon name="send" />
          </button>
        )}
      </div>
      <p class="keys" aria-hidden="true">
        <kbd>Enter</kbd> sends, <kbd>Shift</kbd>+<kbd>Enter</kbd> makes a line, <kbd>Esc</kbd> stops
      </p>
    </form>
  );
}
