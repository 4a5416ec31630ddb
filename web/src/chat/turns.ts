/** Turns: asking, following, stopping. One at a time is followed, that of the open conversation. */

import { batch } from "@preact/signals";
import { ApiError, api, askTurn, followTurn, type TurnRequest } from "../api/client";
import { sentence } from "../api/errors";
import { type TurnSource, turnEvents } from "../api/turn_stream";
import type { Rating, TurnEvent } from "../api/types";
import { navigate, pathOf } from "../router";
import { refreshList, reload, retitle, tellTabs } from "./conversations";
import { setDraft } from "./drafts";
import * as state from "./state";
import { applyEvent, writing } from "./turn";

interface Run {
  id: string;
  abort: AbortController;
  seq: number;
  stop: boolean;
  ended: boolean;
}

let run: Run | null = null;

/** Whether an answer is being asked for or followed here. */
export function turnUnderWay(): boolean {
  return run !== null;
}

/** Another conversation is opened. The answer goes on without us; one not yet asked for is asked. */
export function leaveTurn(): void {
  if (run?.seq) run.abort.abort();
  run = null;
  batch(() => {
    state.pending.value = null;
    state.failure.value = null;
    state.lost.value = false;
  });
}

/** A turn that could not be begun is given up: its text goes back into the box. */
export function takeBack(): void {
  const content = state.pending.value?.content;
  if (content) setDraft(state.openId.value, content);
  leaveTurn();
  void reload(); // it may have been taken, and only its acknowledgement lost
}

/** Post a message; the first one makes its conversation. */
export function post(content: string): void {
  begin({ content, cut: null }, (id, key) => ({ kind: "post", id, content, key }));
}

/** Put a question differently: a branch of its own. */
export function edit(seq: number, content: string): void {
  const parent = parentOf(seq);
  begin({ content, cut: parent }, (id, key) => ({ kind: "edit", id, seq, content, key }));
}

/** Ask for another answer: a branch of its own, too. */
export function regenerate(seq: number): void {
  begin({ content: null, cut: parentOf(seq) }, (id, key) => ({ kind: "regenerate", id, seq, key }));
}

function parentOf(seq: number): number {
  return state.branch.value?.messages.find((one) => one.seq === seq)?.parent ?? 0;
}

function begin(pending: state.Pending, turn: (id: string, key: string) => TurnRequest): void {
  const key = crypto.randomUUID(); // kept for every attempt: the turn happens once
  const attempt = async (): Promise<void> => {
    batch(() => {
      state.pending.value = pending;
      state.failure.value = null;
    });
    const at = state.openId.value;
    try {
      const id = at ?? (await made(key));
      if (state.openId.value !== at && state.openId.value !== id) return;
      const request = turn(id, key);
      await follow(id, 0, 0, (signal) => askTurn(request, signal));
    } catch (error) {
      if (state.openId.value === at || at === null) failed(error, pending, attempt);
    }
  };
  void attempt();
}

/** A new conversation, shown under its own address. */
async function made(key: string): Promise<string> {
  const conversation = await api.create(key);
  batch(() => {
    state.openId.value = conversation.id;
    state.branch.value = { conversation, messages: [], variants: {} };
    state.summaries.value = [conversation, ...state.summaries.value];
  });
  navigate(pathOf(conversation.id), true);
  return conversation.id;
}

function failed(error: unknown, pending: state.Pending, again: () => Promise<void>): void {
  if (error instanceof ApiError && error.code === "turn_in_progress") {
    state.pending.value = null;
    if (pending.content) setDraft(state.openId.value, pending.content);
    state.tell("An answer is still being written here. Your message is back in the box.");
    void reload();
    return;
  }
  state.failure.value = { text: sentence(error), again: () => void again() };
}

/** Follow the answer that is being written in the open conversation, if one is. */
export function followWhatIsWritten(): void {
  const branch = state.branch.value;
  const answer = writing(branch);
  if (!branch || !answer || run) return;
  const { id } = branch.conversation;
  follow(id, answer.seq, answer.event_seq ?? 0, null).catch((error: unknown) => {
    if (state.openId.value === id) state.tell(sentence(error));
  });
}

async function follow(
  id: string,
  seq: number,
  after: number,
  ask: ((signal: AbortSignal) => Promise<Response>) | null,
): Promise<void> {
  const mine: Run = { id, abort: new AbortController(), seq, stop: false, ended: false };
  const { signal } = mine.abort;
  run = mine;
  const source: TurnSource = {
    ask: ask && (() => ask(signal)),
    follow: (answer, last) => followTurn(id, answer, last, signal),
    onLost: (lost) => {
      if (run === mine) state.lost.value = lost;
    },
    signal,
  };
  try {
    for await (const event of turnEvents(source, { seq, after })) {
      const left = run !== mine && !mine.ended;
      if (left || state.openId.value !== id) break;
      take(mine, event);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    if (run === mine) finish();
  }
}

function finish(): void {
  run = null;
  state.lost.value = false;
}

function take(mine: Run, event: TurnEvent): void {
  const branch = state.branch.value;
  if (!branch) return;
  if (event.kind === "turn") mine.seq = event.data.answer.seq;
  batch(() => {
    state.branch.value = applyEvent(branch, event, mine.seq);
    if (event.kind === "turn") state.pending.value = null;
  });
  if (event.kind === "turn") begun(mine, branch.messages.at(-1)?.seq ?? 0, event.data.user?.parent);
  else if (event.kind === "title") named(mine.id, event.data.title);
  else if ("answer" in event.data) ended(mine, event.data.answer.content);
}

function begun(mine: Run, last: number, parent: number | undefined): void {
  state.announcement.value = "Keepwarm is answering.";
  tellTabs(mine.id);
  if (mine.stop) void askToStop(mine);
  const known = state.branch.value?.messages.some((one) => one.seq === parent);
  if (parent && parent !== last && !known) void readMissing(mine.id);
}

/** Another tab had gone on: what it added is read, and the answer goes on under it. */
async function readMissing(id: string): Promise<void> {
  const read = await api.read(id).catch(() => null);
  const now = state.branch.value;
  if (!read || !now || state.openId.value !== id) return;
  const shown = new Map(now.messages.map((one) => [one.seq, one]));
  const messages = read.messages.map((one) => shown.get(one.seq) ?? one);
  state.branch.value = { ...now, messages, variants: read.variants };
}

/** The stream stays open for the title; the next turn need not wait for it. */
function ended(mine: Run, text: string): void {
  mine.ended = true;
  if (run === mine) finish();
  state.announcement.value = text;
  tellTabs(mine.id);
  void refreshList();
}

function named(id: string, title: string): void {
  retitle(id, title);
  tellTabs(id);
}

/** Stop the answer; one that has not begun yet is stopped when it does. */
export function stop(): void {
  if (!run) return;
  if (run.seq) void askToStop(run);
  else run.stop = true;
}

async function askToStop(mine: Run): Promise<void> {
  try {
    await api.stop(mine.id, mine.seq);
  } catch (error) {
    state.tell(`The answer could not be stopped. ${sentence(error)}`);
  }
}

/** Thumbs: shown at once, taken back if the service does not take it. */
export async function judge(seq: number, rating: Rating | null): Promise<void> {
  const id = state.openId.value;
  const before = state.branch.value?.messages.find((one) => one.seq === seq)?.feedback;
  if (!id) return;
  setFeedback(seq, rating ? { rating } : undefined);
  try {
    await api.judge(id, seq, rating);
  } catch (error) {
    setFeedback(seq, before);
    state.tell(sentence(error));
  }
}

function setFeedback(seq: number, feedback: { rating: Rating } | undefined): void {
  const branch = state.branch.value;
  if (!branch) return;
  const messages = branch.messages.map(({ feedback: old, ...one }) => {
    const kept = one.seq === seq ? feedback : old;
    return kept ? { ...one, feedback: kept } : one;
  });
  state.branch.value = { ...branch, messages };
}
