import { describe, expect, it } from "vitest";
import { EventParser, serverEvents } from "../src/api/sse";

const STREAM =
  'event: turn\ndata: {"a":1}\n\n: ping\n\nid: 7\nevent: delta\ndata: {"text":"hé"}\n\ndata: bare\n\n';

const parsed = (pieces: string[]) => {
  const parser = new EventParser();
  return pieces.flatMap((piece) => parser.feed(piece));
};

describe("the parser of server-sent events", () => {
  it("reads kind, id and data, and passes over comments", () => {
    expect(parsed([STREAM])).toEqual([
      { id: "", kind: "turn", data: '{"a":1}' },
      { id: "7", kind: "delta", data: '{"text":"hé"}' },
      { id: "", kind: "message", data: "bare" },
    ]);
  });

  it("does not care where pieces are cut", () => {
    const whole = parsed([STREAM]);
    for (let at = 0; at <= STREAM.length; at++) {
      expect(parsed([STREAM.slice(0, at), STREAM.slice(at)])).toEqual(whole);
    }
    expect(parsed([...STREAM])).toEqual(whole);
  });

  it("takes every kind of line break, also one that is cut in two", () => {
    const crlf = STREAM.replaceAll("\n", "\r\n");
    expect(parsed([...crlf])).toEqual(parsed([STREAM]));
    expect(parsed(["data: x\r", "\n\r", "\n"])).toEqual([{ id: "", kind: "message", data: "x" }]);
  });

  it("joins several lines of data, and drops an event without any", () => {
    expect(parsed(["data: a\ndata: b\n\nevent: none\n\n"])).toEqual([
      { id: "", kind: "message", data: "a\nb" },
    ]);
  });

  it("does not tell of an event whose end has not come", () => {
    expect(parsed(["data: half\n"])).toEqual([]);
  });
});

describe("events of a response", () => {
  const response = (bytes: Uint8Array[], close = true) =>
    new Response(
      new ReadableStream({
        start(controller) {
          for (const part of bytes) controller.enqueue(part);
          if (close) controller.close();
        },
      }),
    );

  it("puts letters together that are cut between two pieces", async () => {
    const bytes = new TextEncoder().encode(STREAM);
    const pieces = [...bytes].map((byte) => Uint8Array.of(byte));
    const events = [];
    for await (const event of serverEvents(response(pieces), 1000)) events.push(event);
    expect(events).toEqual(parsed([STREAM]));
  });

  it("gives up a connection that says nothing at all", async () => {
    const silent = serverEvents(response([], false), 10);
    await expect(silent.next()).rejects.toThrow("silent");
  });
});
