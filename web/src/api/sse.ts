/** Server-sent events, parsed from text that comes in pieces cut anywhere. */

export interface ServerEvent {
  /** The event's own; empty where it has none. */
  id: string;
  kind: string;
  data: string;
}

/**
 * Feed it pieces, get whole events. As in the standard, an event without `data` is none, a line
 * that begins with a colon is a comment.
 */
export class EventParser {
  private rest = "";
  private id = "";
  private kind = "";
  private data: string[] = [];

  feed(piece: string): ServerEvent[] {
    const text = this.rest + piece;
    // A carriage return at the end may be half of a line break.
    const whole = text.endsWith("\r") ? text.slice(0, -1) : text;
    const lines = whole.split(/\r\n|\n|\r/);
    this.rest = (lines.pop() ?? "") + text.slice(whole.length);
    return lines.flatMap((line) => this.line(line) ?? []);
  }

  private line(line: string): ServerEvent | null {
    if (line === "") return this.dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return null;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.kind = value;
    else if (name === "data") this.data.push(value);
    else if (name === "id" && !value.includes("\0")) this.id = value;
    return null;
  }

  private dispatch(): ServerEvent | null {
    const event = { id: this.id, kind: this.kind || "message", data: this.data.join("\n") };
    const empty = this.data.length === 0;
    this.id = "";
    this.kind = "";
    this.data = [];
    return empty ? null : event;
  }
}

/**
 * Events of a response as they come. Ends with the body.
 *
 * @param idleMs longest silence, pings included; a connection that is dead without saying so ends
 *     here with an error.
 */
export async function* serverEvents(
  response: Response,
  idleMs: number,
): AsyncGenerator<ServerEvent> {
  if (!response.body) return;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const parser = new EventParser();
  try {
    while (true) {
      const { done, value } = await withDeadline(reader.read(), idleMs);
      if (done) return;
      yield* parser.feed(decoder.decode(value, { stream: true }));
    }
  } finally {
    reader.cancel().catch(() => undefined); // it may be broken already
  }
}

async function withDeadline<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("the stream went silent")), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
