import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { reload } from "../chat/conversations";
import {
  branch,
  busy,
  failure,
  lost,
  openError,
  openId,
  pending,
  shown,
  titleOf,
} from "../chat/state";
import { post, stop, takeBack } from "../chat/turns";
import { Answer } from "./answer";
import { Composer } from "./composer";
import { Icon } from "./icons";
import { Question } from "./question";
import { TopBar } from "./top_bar";

/** One conversation. */
export function Chat() {
  const title = branch.value ? titleOf(branch.value.conversation) : "New conversation";
  useEffect(() => {
    document.title = openId.value ? `${title} · Keepwarm` : "Keepwarm";
  }, [title, openId.value]);
  useEffect(() => {
    addEventListener("keydown", stopOnEscape);
    return () => removeEventListener("keydown", stopOnEscape);
  }, []);
  return (
    <div class="chat">
      <TopBar title={openId.value ? title : "New conversation"} />
      <Scroller>
        <Content />
      </Scroller>
      <Composer key={openId.value ?? ""} />
    </div>
  );
}

function stopOnEscape(event: KeyboardEvent): void {
  if (event.key !== "Escape" || event.defaultPrevented || !busy.value) return;
  if ((event.target as Element | null)?.closest("[role=menu], dialog, .editing")) return;
  stop();
}

function Content() {
  if (openError.value) {
    return (
      <div class="empty">
        <p role="alert">{openError.value}</p>
        <button type="button" class="secondary" onClick={() => void reload()}>
          Try again
        </button>
      </div>
    );
  }
  if (openId.value && !branch.value) return <p class="loading">Loading …</p>;
  if (!shown.value.length && !pending.value) return <Welcome />;
  return (
    <div class="messages">
      {shown.value.map((one) =>
        one.role === "user" ? (
          <Question key={one.seq} message={one} />
        ) : (
          <Answer key={one.seq} message={one} />
        ),
      )}
      <Waiting />
    </div>
  );
}

const IDEAS = [
  "Explain what a KV cache is, in three sentences.",
  "Write a haiku about rivers.",
  "Write a Python function that reverses a string.",
];

function Welcome() {
  return (
    <div class="empty">
      <h2>What would you like to talk about?</h2>
      <ul class="ideas">
        {IDEAS.map((idea) => (
          <li key={idea}>
            <button type="button" onClick={() => post(idea)}>
              {idea}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** What was sent and is not yet acknowledged. */
function Waiting() {
  const waiting = pending.value;
  if (!waiting) return null;
  return (
    <>
      {waiting.content !== null && (
        <article class="question pending" aria-label="You">
          <div class="bubble">{waiting.content}</div>
        </article>
      )}
      {failure.value ? (
        <div class="trouble" role="alert">
          <p>{failure.value.text}</p>
          <div class="buttons">
            <button type="button" class="secondary" onClick={takeBack}>
              Take back
            </button>
            <button type="button" class="secondary" onClick={failure.value.again}>
              Try again
            </button>
          </div>
        </div>
      ) : (
        <p class="dots" aria-hidden="true">
          <i />
          <i />
          <i />
        </p>
      )}
      {lost.value && <p class="hint">No answer from the service yet. Trying again …</p>}
    </>
  );
}

/** Keeps the end in view while text comes, unless the reader has scrolled away from it. */
function Scroller({ children }: { children: preact.ComponentChildren }) {
  const box = useRef<HTMLDivElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  const toEnd = () => box.current?.scrollTo({ top: box.current.scrollHeight });
  useLayoutEffect(() => {
    setAtEnd(true);
    toEnd();
  }, [openId.value, pending.value]);
  useLayoutEffect(() => {
    const inner = box.current?.firstElementChild;
    if (!inner || !atEnd) return;
    const watch = new ResizeObserver(toEnd);
    watch.observe(inner);
    return () => watch.disconnect();
  }, [atEnd]);
  return (
    <div class="scroll-frame">
      <section
        class="scroll"
        ref={box}
        aria-label="Messages"
        tabindex={0}
        onScroll={(event) => {
          const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
          setAtEnd(scrollHeight - scrollTop - clientHeight < 60);
        }}
      >
        <div class="scroll-inner">{children}</div>
      </section>
      {!atEnd && (
        <button type="button" class="to-end" onClick={toEnd} aria-label="To the newest message">
          <Icon name="down" />
        </button>
      )}
    </div>
  );
}
