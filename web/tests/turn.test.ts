import { describe, expect, it } from "vitest";
import type { Branch, Conversation, Message, TurnEvent } from "../src/api/types";
import { applyEvent, placeOf, writing } from "../src/chat/turn";

const conversation: Conversation = {
  id: "c_1",
  title: "",
  created_ms: 1,
  updated_ms: 1,
  model: "m",
  system: "",
  head: 0,
  version: 0,
  answering: null,
  totals: { turns: 0, input_tokens: 0, cached_tokens: 0, output_tokens: 0 },
};

const message = (seq: number, parent: number, content: string, more = {}): Message => ({
  seq,
  parent,
  role: seq % 2 ? "user" : "assistant",
  content,
  status: "complete",
  created_ms: 1,
  ...more,
});

const empty: Branch = { conversation, messages: [], variants: {} };
const turn = (user: Message | null, seq: number, parent: number): TurnEvent => ({
  kind: "turn",
  id: 0,
  data: { conversation_id: "c_1", user, answer: { seq, parent }, duplicate: false },
});
const delta = (text: string): TurnEvent => ({ kind: "delta", id: 1, data: { text } });
const played = (start: Branch, seq: number, ...events: TurnEvent[]) =>
  events.reduce((branch, event) => applyEvent(branch, event, seq), start);

const asked = played(empty, 2, turn(message(1, 0, "Hi"), 2, 1));
const answered = played(asked, 2, delta("Hel"), delta("lo"), {
  kind: "done",
  id: 3,
  data: { answer: message(2, 1, "Hello"), conversation: { ...conversation, head: 2 } },
});

describe("a turn's events", () => {
  it("put the question and an empty answer at the end of the branch", () => {
    expect(asked.messages.map((one) => [one.seq, one.content, one.status])).toEqual([
      [1, "Hi", "complete"],
      [2, "", "streaming"],
    ]);
    expect(writing(asked)?.seq).toBe(2);
    expect(asked.conversation.answering).toBe(2);
  });

  it("add text to the answer, and take it all back with a reset", () => {
    const text = (...events: TurnEvent[]) => played(asked, 2, ...events).messages[1]?.content;
    expect(text(delta("Hel"), delta("lo"))).toBe("Hello");
    expect(text(delta("Hel"), { kind: "reset", id: 9, data: { text: "Bye" } })).toBe("Bye");
  });

  it("end with what is stored", () => {
    expect(writing(answered)).toBeNull();
    expect(answered.messages[1]).toEqual(message(2, 1, "Hello"));
    expect(answered.conversation.head).toBe(2);
  });

  it("keep a title that came before the end", () => {
    const titled = applyEvent(answered, { kind: "title", id: 0, data: { title: "T" } }, 2);
    const again = applyEvent(titled, { kind: "done", id: 4, data: ending() }, 2);
    expect(again.conversation.title).toBe("T");
  });

  it("change nothing when the opening of a known answer comes again", () => {
    const again = played(played(asked, 2, delta("Hel")), 2, turn(null, 2, 1));
    expect(again.messages[1]?.content).toBe("Hel");
    expect(again.messages).toHaveLength(2);
  });
});

const ending = () => ({ answer: message(2, 1, "Hello"), conversation });

describe("branches", () => {
  it("begin where a question is put differently, and hide what came after it", () => {
    const edited = played(answered, 4, turn(message(3, 0, "Ho"), 4, 3));
    expect(edited.messages.map((one) => one.seq)).toEqual([3, 4]);
    expect(edited.variants).toEqual({ 1: [1, 3], 3: [1, 3] });
    expect(placeOf(edited, 3)).toEqual({ index: 2, count: 2, previous: 1, next: null });
  });

  it("begin where another answer is asked for", () => {
    const again = played(answered, 3, turn(null, 3, 1));
    expect(again.messages.map((one) => one.seq)).toEqual([1, 3]);
    expect(placeOf(again, 3)).toEqual({ index: 2, count: 2, previous: 2, next: null });
    const third = played(again, 4, turn(null, 4, 1));
    expect(placeOf(third, 4)?.count).toBe(3);
  });

  it("are none where a message stands alone", () => {
    expect(placeOf(answered, 2)).toBeNull();
  });
});
