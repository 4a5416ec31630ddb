import { describe, expect, it } from "vitest";
import { duration, receiptView, tokensPerSecond } from "../src/chat/receipt";

const RECEIPT = {
  prompt_tokens: 148,
  cached_tokens: 96,
  completion_tokens: 41,
  decode_ms: 2000,
  ttft_ms: 262,
  instance: "container",
};

describe("a receipt", () => {
  it("says what was warm, how fast, and where", () => {
    expect(receiptView(RECEIPT)?.parts).toEqual([
      "96 cached + 52 new tokens",
      "first token 262 ms",
      "20 tokens/s",
      "container",
    ]);
    expect(receiptView(RECEIPT)?.warm).toBeCloseTo(96 / 148);
  });

  it("leaves out what is not known", () => {
    expect(receiptView({ prompt_tokens: 12 })?.parts).toEqual(["0 cached + 12 new tokens"]);
    expect(receiptView({})).toBeNull();
    expect(receiptView(undefined)).toBeNull();
  });

  it("counts decoded tokens only: the first one is the prefill's", () => {
    expect(tokensPerSecond({ completion_tokens: 1, decode_ms: 0 })).toBeNull();
    expect(tokensPerSecond({ completion_tokens: 3, decode_ms: 1000 })).toBe(2);
  });

  it("writes durations as people do", () => {
    expect([0.2, 262.4, 1290].map(duration)).toEqual(["under 1 ms", "262 ms", "1.3 s"]);
  });
});
