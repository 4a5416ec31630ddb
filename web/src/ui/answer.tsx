import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { Message, Rating } from "../api/types";
import { highlightAll } from "../chat/highlight";
import { render } from "../chat/markdown";
import { busy, lost } from "../chat/state";
import { judge, regenerate } from "../chat/turns";
import { CopyButton, copy } from "./copy_button";
import { IconButton } from "./icons";
import { ReceiptLine } from "./receipt";
import { Variants } from "./variants";

/** What the model wrote, or is writing. */
export function Answer({ message }: { message: Message }) {
  const streaming = message.status === "streaming";
  return (
    <article class="answer" aria-label="Keepwarm" aria-busy={streaming}>
      <Text text={message.content} streaming={streaming} />
      {streaming && lost.value && (
        <p class="hint">
          The connection is lost. Going on with this answer as soon as it is back …
        </p>
      )}
      {message.status === "error" && <Broken message={message} />}
      {!streaming && (
        <div class="actions">
          <Variants seq={message.seq} />
          {message.content && <CopyButton text={message.content} />}
          <IconButton
            icon="redo"
            label="Another answer"
            disabled={busy.value}
            onClick={() => regenerate(message.seq)}
          />
          <Thumb message={message} rating="up" />
          <Thumb message={message} rating="down" />
          {message.status === "stopped" && <span class="tag">stopped</span>}
          {message.finish_reason === "length" && <span class="tag">cut at its limit</span>}
          <ReceiptLine receipt={message.receipt} />
        </div>
      )}
    </article>
  );
}

function Text({ text, streaming }: { text: string; streaming: boolean }) {
  const root = useRef<HTMLDivElement>(null);
  const html = useMemo(() => render(text), [text]);
  useLayoutEffect(() => {
    if (root.current && !streaming) void highlightAll(root.current);
  }, [html, streaming]);
  useLayoutEffect(() => {
    const clicked = (event: MouseEvent) => void copyCode(event.target as Element);
    root.current?.addEventListener("click", clicked); // the buttons are in the HTML
  }, []);
  return (
    <div
      ref={root}
      class={`markdown ${streaming ? "streaming" : ""} ${text ? "" : "blank"}`}
      dangerouslySetInnerHTML={{ __html: html }}
    />
  );
}

async function copyCode(target: Element): Promise<void> {
  const button = target.closest("[data-copy]");
  const code = button?.closest(".code")?.querySelector("code");
  if (!button || !code || !(await copy(code.textContent ?? ""))) return;
  button.textContent = "Copied";
  setTimeout(() => {
    button.textContent = "Copy code";
  }, 1_500);
}

const REASONS: Record<string, string> = {
  backend_overloaded: "The model has too much to do right now.",
  backend_unavailable: "The model could not be reached.",
  context_length_exceeded: "This message is longer than the model can read.",
};

function Broken({ message }: { message: Message }) {
  const code = message.error?.code ?? "";
  return (
    <div class="trouble" role="alert">
      <p>{REASONS[code] ?? "The answer broke off."}</p>
      <button
        type="button"
        class="secondary"
        disabled={busy.value}
        onClick={() => regenerate(message.seq)}
      >
        Try again
      </button>
    </div>
  );
}

function Thumb({ message, rating }: { message: Message; rating: Rating }) {
  const given = message.feedback?.rating === rating;
  return (
    <IconButton
      icon={rating === "up" ? "thumbUp" : "thumbDown"}
      label={rating === "up" ? "Good answer" : "Bad answer"}
      pressed={given}
      onClick={() => void judge(message.seq, given ? null : rating)}
    />
  );
}
