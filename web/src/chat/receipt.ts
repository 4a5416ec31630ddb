/** The receipt under an answer: what it took, in a few words. */

import type { Receipt } from "../api/types";

export interface ReceiptView {
  /** Share of the prompt that was warm, from 0 to 1; null where it is not known. */
  warm: number | null;
  parts: string[];
  detail: string;
}

/** Null where there is nothing to tell. */
export function receiptView(receipt: Receipt | undefined): ReceiptView | null {
  if (!receipt || receipt.prompt_tokens === undefined) return null;
  const prompt = receipt.prompt_tokens;
  const cached = Math.min(receipt.cached_tokens ?? 0, prompt);
  const rate = tokensPerSecond(receipt);
  const parts = [
    `${count(cached)} cached + ${count(prompt - cached)} new tokens`,
    receipt.ttft_ms === undefined ? "" : `first token ${duration(receipt.ttft_ms)}`,
    rate === null ? "" : `${rate >= 10 ? Math.round(rate) : rate.toFixed(1)} tokens/s`,
    receipt.instance ?? "",
  ].filter(Boolean);
  return { warm: prompt ? cached / prompt : null, parts, detail: detail(receipt) };
}

/** Tokens a second while decoding; the first token belongs to the prefill. Null if unknown. */
export function tokensPerSecond(receipt: Receipt): number | null {
  const { completion_tokens: tokens, decode_ms: ms } = receipt;
  if (tokens === undefined || ms === undefined || tokens < 2 || ms <= 0) return null;
  return ((tokens - 1) * 1000) / ms;
}

function detail(receipt: Receipt): string {
  const lines: [string, string | undefined][] = [
    ["answer", tokens(receipt.completion_tokens)],
    ["queue", told(receipt.queue_ms)],
    ["prefill", told(receipt.prefill_ms)],
    ["decode", told(receipt.decode_ms)],
    ["backend", receipt.backend],
    ["attempts", (receipt.attempts ?? 1) > 1 ? String(receipt.attempts) : undefined],
    ["continued", receipt.continuations ? `${receipt.continuations} times` : undefined],
  ];
  return lines
    .filter(([, value]) => value)
    .map(([name, value]) => `${name}: ${value}`)
    .join("\n");
}

const told = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : duration(ms);

/** 262 ms, 1.3 s. */
export function duration(ms: number): string {
  if (ms < 1) return "under 1 ms";
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** 12,345. */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function tokens(value: number | undefined): string | undefined {
  return value === undefined ? undefined : `${count(value)} tokens`;
}
