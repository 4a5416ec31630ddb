import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Message } from "../api/types";
import { busy } from "../chat/state";
import { edit } from "../chat/turns";
import { CopyButton } from "./copy_button";
import { grow } from "./grow";
import { IconButton } from "./icons";
import { Variants } from "./variants";

/** What the user wrote. */
export function Question({ message }: { message: Message }) {
  const [editing, setEditing] = useState(false);
  if (editing) return <Editing message={message} close={() => setEditing(false)} />;
  return (
    <article class="question" aria-label="You">
      <div class="bubble">{message.content}</div>
      <div class="actions">
        <Variants seq={message.seq} />
        <CopyButton text={message.content} />
        <IconButton
          icon="edit"
          label="Edit"
          disabled={busy.value}
          onClick={() => setEditing(true)}
        />
      </div>
    </article>
  );
}

function Editing({ message, close }: { message: Message; close: () => void }) {
  const box = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    const area = box.current;
    if (!area) return;
    grow(area);
    area.focus();
    area.setSelectionRange(area.value.length, area.value.length);
  }, []);
  const send = () => {
    const text = box.current?.value.trim();
    if (!text || busy.value) return;
    close();
    edit(message.seq, text);
  };
  return (
    <article class="question editing" aria-label="You, being edited">
      <textarea
        ref={box}
        aria-label="Edit your message"
        defaultValue={message.content}
        onInput={(event) => grow(event.currentTarget)}
        onKeyDown={(event) => {
          if (event.isComposing) return;
          if (event.key === "Escape") close();
          if (event.key !== "Enter" || event.shiftKey) return;
          event.preventDefault();
          send();
        }}
      />
      <div class="buttons">
        <span class="hint">The old wording stays beside the new one.</span>
        <button type="button" class="secondary" onClick={close}>
          Cancel
        </button>
        <button type="button" class="primary" disabled={busy.value} onClick={send}>
          Send
        </button>
      </div>
    </article>
  );
}
