/** The list of conversations, and opening one. */

import { batch } from "@preact/signals";
import { ApiError, api } from "../api/client";
import { sentence } from "../api/errors";
import type { Branch, Summary } from "../api/types";
import { navigate } from "../router";
import { forgetDrafts } from "./drafts";
import * as state from "./state";
import { followWhatIsWritten, leaveTurn, turnUnderWay } from "./turns";

const MAX_PAGES = 20;

/** Other tabs of this browser: they are told what changed, and tell us. */
const tabs = new BroadcastChannel("keepwarm");

tabs.onmessage = (event: MessageEvent<{ id: string }>) => {
  void refreshList();
  if (event.data.id === state.openId.value && !turnUnderWay()) void reload();
};

export function tellTabs(id: string): void {
  tabs.postMessage({ id });
}

/** The first page anew; what was loaded beyond it stays. */
export async function refreshList(): Promise<void> {
  try {
    const page = await api.list(null);
    const oldest = page.conversations.at(-1)?.updated_ms ?? 0;
    const fresh = new Set(page.conversations.map((one) => one.id));
    const older = page.cursor
      ? state.summaries.value.filter((one) => !fresh.has(one.id) && one.updated_ms < oldest)
      : [];
    batch(() => {
      state.summaries.value = [...page.conversations, ...older];
      if (!older.length) state.nextCursor.value = page.cursor;
      state.listed.value = true;
    });
  } catch (error) {
    if (error instanceof ApiError) state.tell(sentence(error)); // no network: the banner says so
  }
}

export async function loadMore(): Promise<void> {
  const page = await api.list(state.nextCursor.value);
  const known = new Set(state.summaries.value.map((one) => one.id));
  const added = page.conversations.filter((one) => !known.has(one.id));
  batch(() => {
    state.summaries.value = [...state.summaries.value, ...added];
    state.nextCursor.value = page.cursor;
  });
}

/** Search looks at titles: all of them, so all pages are needed. */
export async function searchFor(text: string): Promise<void> {
  state.search.value = text;
  for (let page = 0; page < MAX_PAGES && state.nextCursor.value && state.search.value; page++) {
    await loadMore();
  }
}

/** Show a conversation, or the empty page for a new one. */
export async function open(id: string | null): Promise<void> {
  if (id === state.openId.value) return; // also: the one that a first message just made
  leaveTurn();
  batch(() => {
    state.openId.value = id;
    state.branch.value = null;
    state.openError.value = null;
  });
  if (!id) return;
  await reload();
  if (state.openId.value === id && state.branch.value) {
    api.warm(id).catch(() => undefined); // a hint and no more
  }
}

/** Read the open conversation anew, and follow the answer that is being written in it. */
export async function reload(): Promise<void> {
  const id = state.openId.value;
  if (!id) return;
  try {
    const branch = await api.read(id);
    if (state.openId.value !== id || turnUnderWay()) return;
    show(branch);
  } catch (error) {
    if (state.openId.value !== id || state.branch.value) return;
    const gone = error instanceof ApiError && error.status === 404;
    state.openError.value = gone ? "This conversation does not exist." : sentence(error);
  }
}

function show(branch: Branch): void {
  batch(() => {
    state.branch.value = branch;
    state.openError.value = null;
  });
  followWhatIsWritten();
}

/** Show the branch through another message that stands in the same place. */
export async function choose(seq: number): Promise<void> {
  const id = state.openId.value;
  if (!id) return;
  try {
    const branch = await api.choose(id, seq);
    if (state.openId.value === id) show(branch);
  } catch (error) {
    state.tell(sentence(error));
  }
}

export async function rename(id: string, title: string): Promise<void> {
  const before = state.summaries.value;
  retitle(id, title);
  try {
    await api.rename(id, title);
    tellTabs(id);
  } catch (error) {
    state.summaries.value = before;
    state.tell(sentence(error));
  }
}

/** A title here and in the list. */
export function retitle(id: string, title: string): void {
  const changed = <T extends Summary>(one: T): T => (one.id === id ? { ...one, title } : one);
  state.summaries.value = state.summaries.value.map(changed);
  const branch = state.branch.value;
  if (branch) state.branch.value = { ...branch, conversation: changed(branch.conversation) };
}

export async function remove(id: string): Promise<void> {
  try {
    await api.remove(id);
    state.summaries.value = state.summaries.value.filter((one) => one.id !== id);
    if (state.openId.value === id) navigate("/", true);
    tellTabs(id);
  } catch (error) {
    state.tell(sentence(error));
  }
}

/** Nobody is signed in: nothing of the last user stays. */
export function forget(): void {
  leaveTurn();
  forgetDrafts();
  batch(() => {
    state.summaries.value = [];
    state.listed.value = false;
    state.nextCursor.value = null;
    state.search.value = "";
    state.openId.value = null;
    state.branch.value = null;
  });
}

/** The tab is looked at again: other tabs and devices may have gone on. */
export function lookAgain(): void {
  if (document.visibilityState !== "visible") return;
  void refreshList();
  if (!turnUnderWay()) void reload();
}
