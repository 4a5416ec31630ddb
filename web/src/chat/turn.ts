/** What a turn's events make of the branch that is shown. Pure: no store, no network. */

import type { Branch, Message, TurnEvent, TurnOpening } from "../api/types";

/** The branch after one more event. */
export function applyEvent(branch: Branch, event: TurnEvent, seq: number): Branch {
  switch (event.kind) {
    case "turn":
      return opened(branch, event.data);
    case "delta":
      return changed(branch, seq, (one) => ({ content: one.content + event.data.text }));
    case "reset":
      return changed(branch, seq, () => ({ content: event.data.text }));
    case "title":
      return { ...branch, conversation: { ...branch.conversation, title: event.data.title } };
    default: {
      const { answer, conversation } = event.data;
      const title = conversation.title || branch.conversation.title;
      return {
        ...changed(branch, answer.seq, () => answer),
        conversation: { ...conversation, title },
      };
    }
  }
}

/** A turn begins: the branch is cut where it forks, and question and answer are put there. */
function opened(branch: Branch, turn: TurnOpening): Branch {
  const known = new Set(branch.messages.map((one) => one.seq));
  const fresh = [turn.user, placeholder(turn)].filter(
    (one): one is Message => one !== null && !known.has(one.seq),
  );
  return {
    ...fresh.reduce(placed, branch),
    conversation: { ...branch.conversation, answering: turn.answer.seq },
  };
}

function placed(branch: Branch, message: Message): Branch {
  const at = branch.messages.findIndex((one) => one.parent === message.parent);
  const sibling = at < 0 ? undefined : branch.messages[at];
  const before = at < 0 ? branch.messages : branch.messages.slice(0, at);
  return {
    ...branch,
    messages: [...before, message],
    variants: sibling ? grown(branch.variants, sibling.seq, message.seq) : branch.variants,
  };
}

function grown(
  variants: Branch["variants"],
  sibling: number,
  added: number,
): Record<number, number[]> {
  const all = [...(variants[sibling] ?? [sibling]), added];
  return { ...variants, ...Object.fromEntries(all.map((seq) => [seq, all])) };
}

function placeholder(turn: TurnOpening): Message {
  return {
    seq: turn.answer.seq,
    parent: turn.answer.parent,
    role: "assistant",
    content: "",
    status: "streaming",
    created_ms: Date.now(),
  };
}

function changed(branch: Branch, seq: number, change: (one: Message) => Partial<Message>): Branch {
  const messages = branch.messages.map((one) =>
    one.seq === seq ? { ...one, ...change(one) } : one,
  );
  return { ...branch, messages };
}

/** The answer that is being written on this branch, if one is. */
export function writing(branch: Branch | null): Message | null {
  const last = branch?.messages.at(-1);
  return last?.role === "assistant" && last.status === "streaming" ? last : null;
}

/** `< 2/3 >`: where a message stands among its siblings; null for an only child. */
export interface Place {
  index: number;
  count: number;
  previous: number | null;
  next: number | null;
}

export function placeOf(branch: Branch, seq: number): Place | null {
  const all = branch.variants[seq];
  const at = all?.indexOf(seq) ?? -1;
  if (!all || at < 0 || all.length < 2) return null;
  return {
    index: at + 1,
    count: all.length,
    previous: all[at - 1] ?? null,
    next: all[at + 1] ?? null,
  };
}
