/**
 * One turn's events from its beginning to its end, over as many connections as that takes.
 *
 *     ask (same key each time) --turn--> events --lost--> follow (Last-Event-ID) --> ... --> end
 *
 * Only `done`, `stopped` and `error` with an answer end it: a stream that ends without them has
 * lost its connection.
 */

import { delayMs, pause } from "./backoff";
import { ApiError, ConnectionLost, worthRetrying } from "./errors";
import { type ServerEvent, serverEvents } from "./sse";
import type { TurnEvent } from "./types";

const IDLE_MS = 45_000; // the service pings far more often
const MAX_ASKS = 5;
const KINDS = new Set(["turn", "delta", "reset", "done", "stopped", "error", "title"]);
const ENDS = new Set(["done", "stopped", "error"]);

export interface TurnSource {
  /** Begin the turn; null when an answer that is under way is followed. */
  ask: (() => Promise<Response>) | null;
  follow: (seq: number, after: number) => Promise<Response>;
  /** The connection was lost (true) or found again (false). */
  onLost: (lost: boolean) => void;
  signal: AbortSignal;
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Where a reader stands: `seq` 0 while the answer has no number yet. */
export interface Place {
  seq: number;
  after: number;
}

/**
 * @throws ApiError the service refuses.
 * @throws ConnectionLost nothing was acknowledged, after several attempts.
 */
export async function* turnEvents(source: TurnSource, start: Place): AsyncGenerator<TurnEvent> {
  const place = { ...start };
  const wait = source.wait ?? pause;
  let failures = 0;
  let ended = false;
  while (!ended) {
    let problem: unknown = new ConnectionLost();
    try {
      for await (const event of events(await open(source, place))) {
        source.onLost(false);
        if (event.kind === "turn") place.seq = event.data.answer.seq;
        else failures = 0;
        if (event.id && event.id <= place.after && event.kind === "delta") continue;
        place.after = Math.max(place.after, event.id);
        ended ||= ENDS.has(event.kind);
        yield event;
      }
    } catch (error) {
      if (source.signal.aborted) throw error;
      problem = error;
    }
    if (ended) return;
    failures += 1;
    if (problem instanceof ApiError && !worthRetrying(problem)) throw problem;
    if (!place.seq && failures >= MAX_ASKS) throw problem;
    source.onLost(true);
    const told = problem instanceof ApiError ? (problem.body.retry_after_ms ?? 0) : 0;
    await wait(delayMs(failures, told), source.signal);
  }
}

function open(source: TurnSource, place: Place): Promise<Response> {
  if (place.seq) return source.follow(place.seq, place.after);
  if (!source.ask) throw new RangeError("there is nothing to ask for and nothing to follow");
  return source.ask();
}

async function* events(response: Response): AsyncGenerator<TurnEvent> {
  for await (const event of serverEvents(response, IDLE_MS)) {
    const read = turnEvent(event);
    if (read) yield read;
  }
}

/** An event as the page knows it; null for one that it does not know. */
function turnEvent(event: ServerEvent): TurnEvent | null {
  if (!KINDS.has(event.kind)) return null;
  const data = JSON.parse(event.data);
  // An error that names no answer is the reader's own failure: the answer goes on without it.
  if (event.kind === "error" && !data.answer) throw new ApiError(503, data.error);
  return { kind: event.kind, id: Number(event.id) || 0, data } as TurnEvent;
}
