/** What the page under the hood shows: a snapshot a second, and the stream of events. */

import { signal } from "@preact/signals";
import type { Config } from "../identity/config";
import { type Point, pointOf, type Reading, readingOf, type Snapshot, sumOf } from "./snapshot";
import { emfLine, type Passing, telemetryLine } from "./telemetry";

const EVERY_MS = 1_000;
const KEPT_POINTS = 180;
const KEPT_EVENTS = 200;

export const snapshot = signal<Snapshot | null>(null);
export const points = signal<Point[]>([]);
export const passing = signal<Passing[]>([]);
export const stale = signal(false);

let last: { at_ms: number; reading: Reading } | null = null;

/** Watch until the returned function is called. A page that nobody sees does not ask. */
export function watch(hood: NonNullable<Config["hood"]>): () => void {
  const timer = setInterval(() => void look(hood.snapshot), EVERY_MS);
  const events = new EventSource(hood.events);
  events.addEventListener("telemetry", (event) => take(event, telemetryLine));
  events.addEventListener("emf", (event) => take(event, emfLine));
  void look(hood.snapshot);
  return () => {
    clearInterval(timer);
    events.close();
  };
}

async function look(address: string): Promise<void> {
  if (document.visibilityState === "hidden") return;
  try {
    const response = await fetch(address, { cache: "no-store" });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const taken = (await response.json()) as Snapshot;
    snapshot.value = taken;
    stale.value = false;
    record(taken);
  } catch {
    stale.value = true; // the page says so; the next second asks again
  }
}

function record(taken: Snapshot): void {
  const readings = taken.containers.map((one) => readingOf(one.metrics));
  const reading = sumOf(readings.filter((one): one is Reading => one !== null));
  if (!reading || taken.at_ms === last?.at_ms) return;
  const since = last ? taken.at_ms - last.at_ms : 0;
  const point = pointOf(taken.at_ms, reading, last?.reading ?? null, since);
  points.value = [...points.value, point].slice(-KEPT_POINTS);
  last = { at_ms: taken.at_ms, reading };
}

type Line = (id: string, fields: Record<string, unknown>) => Passing;

function take(event: MessageEvent<string>, line: Line): void {
  const id = `${event.lastEventId}${event.type}`;
  if (passing.value.some((one) => one.id === id)) return;
  passing.value = [line(id, JSON.parse(event.data)), ...passing.value].slice(0, KEPT_EVENTS);
}
