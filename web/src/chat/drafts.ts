/** What was typed and not sent, by conversation; it outlives a reload of this tab. */

import { signal } from "@preact/signals";

const KEY = "keepwarm.drafts";

const drafts = signal<Record<string, string>>(load());

export function draftOf(id: string | null): string {
  return drafts.value[id ?? ""] ?? "";
}

export function setDraft(id: string | null, text: string): void {
  const { [id ?? ""]: _, ...others } = drafts.value;
  drafts.value = text ? { ...others, [id ?? ""]: text } : others;
  sessionStorage.setItem(KEY, JSON.stringify(drafts.value));
}

export function forgetDrafts(): void {
  drafts.value = {};
  sessionStorage.removeItem(KEY);
}

function load(): Record<string, string> {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "{}") as Record<string, string>;
  } catch {
    return {};
  }
}
