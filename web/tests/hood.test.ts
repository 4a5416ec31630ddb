import { describe, expect, it } from "vitest";
import { cellsOf, pictureOf } from "../src/hood/blocks";
import { niceTop } from "../src/hood/chart";
import { parseMetrics, total } from "../src/hood/prometheus";
import { pointOf, readingOf, sumOf } from "../src/hood/snapshot";
import { emfLine, telemetryLine } from "../src/hood/telemetry";

const METRICS = `# HELP keepwarm:num_requests_running Sequences in the batch
# TYPE keepwarm:num_requests_running gauge
keepwarm:num_requests_running 2.0
keepwarm:requests_total{outcome="stop",route="/a,b\\"}"} 3.0
keepwarm:requests_total{outcome="error",route="/c"} 1e1 1700000000
keepwarm:bucket{le="+Inf"} +Inf
keepwarm:kv_blocks_total 100
keepwarm:kv_blocks_free 90
keepwarm:kv_blocks_cached 25
not a sample
`;

describe("Prometheus' text", () => {
  it("becomes samples with labels", () => {
    const metrics = parseMetrics(METRICS);
    expect(metrics.get("keepwarm:requests_total")).toEqual([
      { labels: { outcome: "stop", route: '/a,b"}' }, value: 3 },
      { labels: { outcome: "error", route: "/c" }, value: 10 },
    ]);
    expect(total(metrics, "keepwarm:requests_total")).toBe(13);
    expect(total(metrics, "keepwarm:bucket")).toBe(Infinity);
    expect(total(metrics, "none")).toBeNull();
  });
});

describe("readings", () => {
  const reading = readingOf(METRICS);
  it("are null for a container that tells nothing", () => expect(readingOf("")).toBeNull());

  it("of several containers are added", () => {
    expect(reading && sumOf([reading, reading])).toMatchObject({
      running: 4,
      blocks: { total: 200, free: 180 },
    });
    expect(reading?.running).toBe(2);
  });

  it("become rates, and none over a restart", () => {
    if (!reading) throw new Error("no reading");
    const later = { ...reading, generated: 50, firstTokenCount: 2, firstTokenSum: 0.5 };
    expect(pointOf(0, later, reading, 2000)).toMatchObject({
      generatedPerS: 25,
      computedPerS: 0,
      firstTokenMs: 250,
    });
    expect(pointOf(0, reading, later, 2000).generatedPerS).toBeNull();
    expect(pointOf(0, reading, null, 0).generatedPerS).toBeNull();
  });
});

describe("the picture of the KV cache", () => {
  it("shows from metrics alone what is in use, warm and free", () => {
    const regions = pictureOf(null, readingOf(METRICS))?.regions;
    expect(regions?.map((one) => [one.kind, one.blocks])).toEqual([
      ["used", 10],
      ["warm", 15],
      ["free", 75],
    ]);
  });

  it("shows sessions where the container tells them; every block once", () => {
    const session = { label: "a", tokens: 80, running: true, age_s: 3 };
    const kv = { block_size: 16, total: 100, free: 88, cached: 10, shared: 2 };
    const sessions = [
      { ...session, blocks: 5, shared: 2 },
      { ...session, label: "b", blocks: 6, shared: 2, running: false },
    ];
    const picture = pictureOf({ ...kv, sessions }, null);
    expect(picture?.regions.map((one) => [one.kind, one.label, one.blocks])).toEqual([
      ["shared", "shared", 2],
      ["session", "a", 3],
      ["session", "b", 4],
      ["warm", "warm", 1],
      ["used", "in use", 2],
      ["free", "free", 88],
    ]);
    expect(picture && cellsOf(picture, 20)).toMatchObject({ hidden: 80 });
  });

  it("is none before there are blocks", () => expect(pictureOf(null, null)).toBeNull());
});

describe("events", () => {
  it("of a turn say where, what, how warm and how long", () => {
    const line = telemetryLine("1", {
      kind: "ended",
      time_ms: 5,
      "gen_ai.conversation.id": "c_0123456789",
      "keepwarm.answer.seq": 4,
      "keepwarm.outcome": "complete",
      "keepwarm.cache.class": "hit",
      "gen_ai.usage.input_tokens": 120,
      "gen_ai.usage.cache_read.input_tokens": 96,
      "gen_ai.response.time_to_first_chunk": 0.05,
      "keepwarm.duration_ms": 1500,
    });
    expect(line.text).toBe(
      "…456789 answer 4 complete · cache hit · 96/120 warm · first token 50 ms · 1.5 s",
    );
    expect(line.turn).toEqual({ firstTokenMs: 50, input: 120, cached: 96 });
  });

  it("of CloudWatch's format name the metrics that are not nothing", () => {
    const metrics = [{ Name: "turns" }, { Name: "failed" }, { Name: "duration" }];
    const line = {
      _aws: { Timestamp: 7, CloudWatchMetrics: [{ Metrics: metrics }] },
      turns: 1,
      failed: 0,
      duration: [1, 2, 3, 4],
    };
    expect(emfLine("1", line)).toMatchObject({
      at_ms: 7,
      text: "turns 1 · duration 1, 2, 3 and 1 more",
    });
  });
});

describe("an axis", () => {
  it("ends at 1, 2 or 5 times a power of ten", () => {
    expect([0.3, 1, 7, 12, 48, 120].map(niceTop)).toEqual([0.5, 1, 10, 20, 50, 200]);
  });
});
