import type { ComponentChildren } from "preact";
import { navigate } from "../router";
import { IconButton } from "./icons";
import { drawer } from "./shell";

/** The line above a view: the drawer's button on narrow screens, a title, and what is done here. */
export function TopBar({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <header class="top-bar">
      <button
        type="button"
        class="icon-button only-narrow"
        aria-label="Conversations"
        aria-controls="sidebar"
        aria-expanded={drawer.value}
        onClick={() => {
          drawer.value = true;
        }}
      >
        <svg class="icon" viewBox="0 0 20 20" aria-hidden="true">
          <path d="M3 5.5h14M3 10h14M3 14.5h14" />
        </svg>
      </button>
      <h1 title={title}>{title}</h1>
      {children}
      <IconButton
        icon="plus"
        label="New conversation"
        class="only-narrow"
        onClick={() => navigate("/")}
      />
    </header>
  );
}
