/** Events that pass through the stream, as lines to read. Pure. */

import { count, duration } from "../chat/receipt";

export interface Passing {
  id: string;
  at_ms: number;
  kind: string;
  text: string;
  /** Of an answer that has ended: first token and share of the prompt that was warm. */
  turn: { firstTokenMs: number | null; input: number; cached: number } | null;
}

type Fields = Record<string, unknown>;

/** A turn's event. */
export function telemetryLine(id: string, event: Fields): Passing {
  const conversation = String(event["gen_ai.conversation.id"] ?? "").slice(-6);
  const seq = event["keepwarm.answer.seq"];
  const where = `…${conversation}${seq ? ` answer ${seq}` : ""}`;
  const kind = String(event.kind ?? "event");
  const told = kind === "ended" ? ` ${endedText(event)}` : "";
  return {
    id,
    at_ms: number(event.time_ms) ?? 0,
    kind,
    text: where + told,
    turn: kind === "ended" ? turnOf(event) : null,
  };
}

function endedText(event: Fields): string {
  const turn = turnOf(event);
  const took = number(event["keepwarm.duration_ms"]);
  return [
    String(event["keepwarm.outcome"] ?? ""),
    event["keepwarm.cache.class"] ? `cache ${event["keepwarm.cache.class"]}` : "",
    turn ? `${count(turn.cached)}/${count(turn.input)} warm` : "",
    turn?.firstTokenMs == null ? "" : `first token ${duration(turn.firstTokenMs)}`,
    took === null ? "" : duration(took),
  ]
    .filter(Boolean)
    .join(" · ");
}

function turnOf(event: Fields): Passing["turn"] {
  const input = number(event["gen_ai.usage.input_tokens"]);
  if (input === null) return null;
  const first = number(event["gen_ai.response.time_to_first_chunk"]);
  return {
    firstTokenMs: first === null ? null : first * 1000,
    input,
    cached: number(event["gen_ai.usage.cache_read.input_tokens"]) ?? 0,
  };
}

/** A line of CloudWatch's embedded metric format. */
export function emfLine(id: string, line: Fields): Passing {
  const head = line._aws as { Timestamp?: number; CloudWatchMetrics?: Directive[] } | undefined;
  const names = (head?.CloudWatchMetrics ?? []).flatMap((one) => one.Metrics.map((m) => m.Name));
  const told = names
    .map((name) => [name, valueText(line[name])])
    .filter(([, value]) => value && value !== "0")
    .map(([name, value]) => `${name} ${value}`);
  return { id, at_ms: head?.Timestamp ?? 0, kind: "metrics", text: told.join(" · "), turn: null };
}

interface Directive {
  Metrics: { Name: string }[];
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) {
    const shown = value.slice(0, 3).map((one) => short(Number(one)));
    return shown.join(", ") + (value.length > 3 ? ` and ${value.length - 3} more` : "");
  }
  return typeof value === "number" ? short(value) : "";
}

const short = (value: number): string => String(Number(value.toPrecision(4)));

function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
