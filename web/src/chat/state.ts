/** What the chat shows, as signals. Who changes them: conversations.ts and turns.ts. */

import { computed, signal } from "@preact/signals";
import type { Branch, Summary } from "../api/types";
import { writing } from "./turn";

/** What was asked and is not yet acknowledged. `cut`: messages after this one are replaced. */
export interface Pending {
  content: string | null;
  cut: number | null;
}

/** A turn that could not be begun, and how to try again. */
export interface Failure {
  text: string;
  again: () => void;
}

export const summaries = signal<Summary[]>([]);
export const listed = signal(false);
export const nextCursor = signal<string | null>(null);
export const search = signal("");

export const openId = signal<string | null>(null);
export const branch = signal<Branch | null>(null);
export const openError = signal<string | null>(null);

export const pending = signal<Pending | null>(null);
export const failure = signal<Failure | null>(null);
export const lost = signal(false);
export const online = signal(navigator.onLine);

/** Told to screen readers; the text of an answer when it is whole. */
export const announcement = signal("");
export const notice = signal("");

export const busy = computed(
  () => writing(branch.value) !== null || (pending.value !== null && failure.value === null),
);

export const found = computed(() => {
  const wanted = search.value.trim().toLowerCase();
  if (!wanted) return summaries.value;
  return summaries.value.filter((one) => titleOf(one).toLowerCase().includes(wanted));
});

/** The messages that are shown: without those that a pending turn replaces. */
export const shown = computed(() => {
  const messages = branch.value?.messages ?? [];
  const cut = pending.value?.cut;
  if (cut === null || cut === undefined) return messages;
  return messages.slice(0, messages.findIndex((one) => one.seq === cut) + 1);
});

for (const kind of ["online", "offline"] as const) {
  addEventListener(kind, () => {
    online.value = kind === "online";
  });
}

let clearing: ReturnType<typeof setTimeout> | undefined;

/** A short message that goes away by itself. */
export function tell(text: string): void {
  notice.value = text;
  clearTimeout(clearing);
  clearing = setTimeout(() => {
    notice.value = "";
  }, 6_000);
}

export function titleOf(one: { title: string }): string {
  return one.title || "New conversation";
}
