/** What /hood/snapshot tells, and the numbers that the page makes of it. Pure. */

import { parseMetrics, total } from "./prometheus";

export interface KvSession {
  label: string;
  blocks: number;
  shared: number;
  tokens: number;
  running: boolean;
  age_s: number;
}

export interface KvBlocks {
  block_size: number;
  total: number;
  free: number;
  cached: number;
  shared: number;
  sessions: KvSession[];
}

export interface Snapshot {
  at_ms: number;
  containers: { name: string; healthy: boolean; metrics: string; kv: KvBlocks | null }[];
  parts: { name: string; state: string; since_ms: number; port: number }[];
  lambda: { environments: number; busy: number; limit: number } | null;
}

/** One container's counters at one moment. */
export interface Reading {
  running: number;
  waiting: number;
  prompt: number;
  cached: number;
  generated: number;
  firstTokenSum: number;
  firstTokenCount: number;
  blocks: { total: number; free: number; cached: number };
}

/** Null where a container tells nothing. */
export function readingOf(text: string): Reading | null {
  const metrics = parseMetrics(text);
  if (!metrics.size) return null;
  const of = (name: string): number => total(metrics, `keepwarm:${name}`) ?? 0;
  return {
    running: of("num_requests_running"),
    waiting: of("num_requests_waiting"),
    prompt: of("prompt_tokens_total"),
    cached: of("cached_prompt_tokens_total"),
    generated: of("generation_tokens_total"),
    firstTokenSum: of("time_to_first_token_seconds_sum"),
    firstTokenCount: of("time_to_first_token_seconds_count"),
    blocks: {
      total: of("kv_blocks_total"),
      free: of("kv_blocks_free"),
      cached: of("kv_blocks_cached"),
    },
  };
}

/** All containers together. */
export function sumOf(readings: Reading[]): Reading | null {
  const [first, ...others] = readings;
  if (!first) return null;
  const sum = { ...first, blocks: { ...first.blocks } };
  for (const one of others) {
    for (const name of COUNTS) sum[name] += one[name];
    for (const name of BLOCKS) sum.blocks[name] += one.blocks[name];
  }
  return sum;
}

const BLOCKS = ["total", "free", "cached"] as const;
const COUNTS = [
  "running",
  "waiting",
  "prompt",
  "cached",
  "generated",
  "firstTokenSum",
  "firstTokenCount",
] as const;

/** A moment in the charts; null where nothing can be said. */
export interface Point {
  at_ms: number;
  running: number;
  waiting: number;
  generatedPerS: number | null;
  computedPerS: number | null;
  firstTokenMs: number | null;
}

/** What happened between two readings. A container that began anew counts from nothing. */
export function pointOf(at_ms: number, now: Reading, before: Reading | null, ms: number): Point {
  const went = before && ms > 0 && now.prompt >= before.prompt && now.generated >= before.generated;
  const turns = before ? now.firstTokenCount - before.firstTokenCount : 0;
  const rate = (delta: number): number | null => (went ? (Math.max(0, delta) * 1000) / ms : null);
  return {
    at_ms,
    running: now.running,
    waiting: now.waiting,
    generatedPerS: rate(now.generated - (before?.generated ?? 0)),
    computedPerS: rate(now.prompt - now.cached - (before ? before.prompt - before.cached : 0)),
    firstTokenMs:
      before && turns > 0 ? ((now.firstTokenSum - before.firstTokenSum) / turns) * 1000 : null,
  };
}
