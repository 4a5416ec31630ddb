import { signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { announcement, notice, online } from "../chat/state";
import { route } from "../router";
import { Chat } from "./chat";
import { Hood } from "./hood_lazy";
import { Sidebar } from "./sidebar";

const phone = matchMedia("(max-width: 760px)");

/** Whether the drawer is open; it matters on narrow screens alone. */
export const drawer = signal(false);
const narrow = signal(phone.matches);

phone.addEventListener("change", () => {
  narrow.value = phone.matches;
});

/** The list at the side, a view beside it, and what is told to everybody. */
export function Shell() {
  const hidden = narrow.value && !drawer.value;
  const { view } = route.value;
  useEffect(() => {
    drawer.value = false;
  }, [route.value]);
  const opened = useRef(false);
  useLayoutEffect(() => {
    if (opened.current !== drawer.value) moveFocus(drawer.value);
    opened.current = drawer.value;
  }, [drawer.value]);
  useEffect(() => {
    addEventListener("keydown", closeOnEscape);
    return () => removeEventListener("keydown", closeOnEscape);
  }, []);
  return (
    <div class={`shell ${drawer.value ? "drawer-open" : ""}`}>
      <a class="skip" href="#main">
        Skip to the conversation
      </a>
      <aside class="sidebar" id="sidebar" aria-label="Conversations" inert={hidden}>
        <Sidebar />
      </aside>
      {narrow.value && drawer.value && (
        <button
          type="button"
          class="scrim"
          aria-label="Close the list"
          onClick={() => {
            drawer.value = false;
          }}
        />
      )}
      <main id="main" tabindex={-1} inert={narrow.value && drawer.value}>
        {!online.value && (
          <p class="banner" role="status">
            You are offline. Everything goes on when the connection is back.
          </p>
        )}
        {view === "hood" ? <Hood /> : <Chat />}
      </main>
      <p class="notice" role="status" hidden={!notice.value}>
        {notice.value}
      </p>
      <p class="unseen" aria-live="polite" data-testid="announcer">
        {announcement.value}
      </p>
    </div>
  );
}

function closeOnEscape(event: KeyboardEvent): void {
  if (event.key === "Escape" && !event.defaultPrevented) drawer.value = false;
}

/** Into the drawer when it opens; back to its button when it closes, unless a view has the focus. */
function moveFocus(open: boolean): void {
  const wanted = open ? ".new-chat" : "[aria-controls=sidebar]";
  if (!open && document.activeElement?.closest("main")) return;
  document.querySelector<HTMLElement>(wanted)?.focus();
}
