import { describe, expect, it } from "vitest";
import { ApiError, ConnectionLost } from "../src/api/errors";
import { type TurnSource, turnEvents } from "../src/api/turn_stream";
import type { TurnEvent } from "../src/api/types";

const turn = 'event: turn\ndata: {"answer":{"seq":2,"parent":1},"user":null}\n\n';
const delta = (id: number, text: string) =>
  `id: ${id}\nevent: delta\ndata: ${JSON.stringify({ text })}\n\n`;
const done = (id: number) => `id: ${id}\nevent: done\ndata: {"answer":{"seq":2}}\n\n`;

type Step = string | Error;

/** A service that answers each request by the next step, and writes down what it was asked. */
function scripted(steps: Step[], asking = true) {
  const asked: string[] = [];
  const waited: number[] = [];
  const next = (what: string): Promise<Response> => {
    asked.push(what);
    const step = steps.shift() ?? new Error("asked too often");
    return step instanceof Error ? Promise.reject(step) : Promise.resolve(new Response(step));
  };
  const source: TurnSource = {
    ask: asking ? () => next("ask") : null,
    follow: (seq, after) => next(`follow ${seq} after ${after}`),
    onLost: () => undefined,
    signal: new AbortController().signal,
    wait: async (ms) => void waited.push(ms),
  };
  return { source, asked, waited };
}

async function all(source: TurnSource, place = { seq: 0, after: 0 }): Promise<TurnEvent[]> {
  const events = [];
  for await (const event of turnEvents(source, place)) events.push(event);
  return events;
}

const textOf = (events: TurnEvent[]) =>
  events.map((one) => (one.kind === "delta" ? one.data.text : "")).join("");

describe("a turn's stream", () => {
  it("is one request when nothing goes wrong", async () => {
    const { source, asked } = scripted([turn + delta(1, "a") + delta(2, "b") + done(3)]);
    expect(textOf(await all(source))).toBe("ab");
    expect(asked).toEqual(["ask"]);
  });

  it("goes on after the last event when the connection is lost", async () => {
    const { source, asked } = scripted([
      turn + delta(1, "a") + delta(2, "b"),
      new ConnectionLost(),
      turn + delta(3, "c") + done(4),
    ]);
    expect(textOf(await all(source))).toBe("abc");
    expect(asked).toEqual(["ask", "follow 2 after 2", "follow 2 after 2"]);
  });

  it("shows nothing twice that comes twice", async () => {
    const { source } = scripted([
      turn + delta(1, "a"),
      turn + delta(1, "a") + delta(2, "b") + done(3),
    ]);
    expect(textOf(await all(source))).toBe("ab");
  });

  it("follows without asking, from where the reader stands", async () => {
    const { source, asked } = scripted([turn + delta(6, "f") + done(7)], false);
    expect(textOf(await all(source, { seq: 2, after: 5 }))).toBe("f");
    expect(asked).toEqual(["follow 2 after 5"]);
  });

  it("asks again while nothing was acknowledged, and then says so", async () => {
    const lost = () => new ConnectionLost();
    const { source, asked } = scripted([lost(), lost(), lost(), lost(), lost()]);
    await expect(all(source)).rejects.toThrow(ConnectionLost);
    expect(asked).toEqual(["ask", "ask", "ask", "ask", "ask"]);
  });

  it("waits as long as the service asks it to", async () => {
    const busy = new ApiError(429, { code: "rate_limited", message: "m", retry_after_ms: 9000 });
    const { source, waited } = scripted([busy, turn + done(1)]);
    await all(source);
    expect(waited[0]).toBeGreaterThanOrEqual(9000);
  });

  it("does not repeat what is refused for good", async () => {
    const refused = new ApiError(409, { code: "turn_in_progress", message: "m" });
    const { source, asked } = scripted([refused]);
    await expect(all(source)).rejects.toBe(refused);
    expect(asked).toHaveLength(1);
  });

  it("takes an error that names no answer for a lost connection", async () => {
    const failed = 'event: error\ndata: {"error":{"code":"store_unavailable","message":"m"}}\n\n';
    const { source, asked } = scripted([turn + failed, turn + delta(1, "a") + done(2)]);
    expect(textOf(await all(source))).toBe("a");
    expect(asked).toHaveLength(2);
  });

  it("reads on after the end for the title", async () => {
    const { source } = scripted([`${turn}${done(1)}event: title\ndata: {"title":"T"}\n\n`]);
    expect((await all(source)).at(-1)).toMatchObject({ kind: "title", data: { title: "T" } });
  });
});
