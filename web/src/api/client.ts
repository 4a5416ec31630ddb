/** Requests to the API: who asks, errors as exceptions, one renewal of a token that ran out. */

import { renew, session } from "../identity/session";
import { ApiError, ConnectionLost, errorOf } from "./errors";
import type { Branch, Conversation, Page, Rating } from "./types";

const BASE = "/v1";

export interface Ask {
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/**
 * The response, if it is a good one.
 *
 * @throws ApiError the service refuses.
 * @throws ConnectionLost nobody answers.
 */
export async function send(path: string, ask: Ask = {}): Promise<Response> {
  let response = await attempt(path, ask);
  if (response.status === 401 && (await renew())) response = await attempt(path, ask);
  if (response.ok) return response;
  const error = await errorOf(response);
  if (error.status === 401) session.value = null;
  throw error;
}

async function attempt(path: string, ask: Ask): Promise<Response> {
  const headers = new Headers(ask.headers);
  headers.set("Authorization", `Bearer ${session.value?.token ?? ""}`);
  if (ask.body !== undefined) headers.set("Content-Type", "application/json");
  try {
    return await fetch(BASE + path, {
      method: ask.method ?? "GET",
      headers,
      body: ask.body === undefined ? null : JSON.stringify(ask.body),
      signal: ask.signal ?? null,
      cache: "no-store",
    });
  } catch (error) {
    if (ask.signal?.aborted) throw error;
    throw new ConnectionLost();
  }
}

async function json<T>(path: string, ask: Ask = {}): Promise<T> {
  return (await send(path, ask)).json() as Promise<T>;
}

const of = (id: string): string => `/conversations/${encodeURIComponent(id)}`;

/** The calls that the page makes, by their names in the guide. */
export const api = {
  list: (cursor: string | null, limit = 50): Promise<Page> =>
    json(`/conversations?limit=${limit}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`),
  create: (key: string): Promise<Conversation> =>
    json("/conversations", { method: "POST", body: {}, headers: { "Idempotency-Key": key } }),
  read: (id: string): Promise<Branch> => json(of(id)),
  rename: (id: string, title: string): Promise<Conversation> =>
    json(of(id), { method: "PATCH", body: { title } }),
  remove: (id: string): Promise<Response> => send(of(id), { method: "DELETE" }),
  choose: (id: string, seq: number): Promise<Branch> =>
    json(`${of(id)}/head`, { method: "PUT", body: { seq } }),
  warm: (id: string): Promise<Response> => send(`${of(id)}/warm`, { method: "POST" }),
  stop: (id: string, seq: number): Promise<Response> =>
    send(`${of(id)}/messages/${seq}/stop`, { method: "POST" }),
  judge: (id: string, seq: number, rating: Rating | null): Promise<Response> =>
    send(
      `${of(id)}/messages/${seq}/feedback`,
      rating ? { method: "PUT", body: { rating } } : { method: "DELETE" },
    ),
  export: (): Promise<Response> => send("/me/export"),
};

/** Where a turn is asked for: a new message, another wording, another answer. */
export type TurnRequest =
  | { kind: "post"; id: string; content: string; key: string; parent?: number }
  | { kind: "edit"; id: string; seq: number; content: string; key: string }
  | { kind: "regenerate"; id: string; seq: number; key: string };

/** Ask for a turn; the answer streams. */
export function askTurn(turn: TurnRequest, signal: AbortSignal): Promise<Response> {
  const headers = { "Idempotency-Key": turn.key, Accept: "text/event-stream" };
  const path =
    turn.kind === "post"
      ? `${of(turn.id)}/messages`
      : `${of(turn.id)}/messages/${turn.seq}/${turn.kind}`;
  const body = turn.kind === "regenerate" ? {} : { content: turn.content };
  return send(path, { method: "POST", body, headers, signal });
}

/** Go on with an answer after the event `after`. */
export function followTurn(
  id: string,
  seq: number,
  after: number,
  signal: AbortSignal,
): Promise<Response> {
  const headers = { "Last-Event-ID": String(after), Accept: "text/event-stream" };
  return send(`${of(id)}/messages/${seq}/stream`, { headers, signal });
}

export { ApiError };
