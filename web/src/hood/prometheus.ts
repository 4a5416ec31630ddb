/** Prometheus' text format, as far as it is needed here: samples by name, and histograms. */

export interface Sample {
  labels: Record<string, string>;
  value: number;
}

export type Metrics = Map<string, Sample[]>;

const LINE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?$/;
const LABEL = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g;
const ESCAPES: Record<string, string> = { "\\n": "\n", '\\"': '"', "\\\\": "\\" };

/** Lines that are no samples are passed over. */
export function parseMetrics(text: string): Metrics {
  const metrics: Metrics = new Map();
  for (const line of text.split("\n")) {
    const match = line.startsWith("#") ? null : LINE.exec(line.trim());
    const [, name, labels, value] = match ?? [];
    if (!name || value === undefined) continue;
    const samples = metrics.get(name) ?? [];
    samples.push({ labels: labelsOf(labels ?? ""), value: numberOf(value) });
    metrics.set(name, samples);
  }
  return metrics;
}

function labelsOf(text: string): Record<string, string> {
  const pairs = [...text.matchAll(LABEL)].map(([, name, value]) => [
    name,
    value?.replace(/\\[n"\\]/g, (found) => ESCAPES[found] ?? found),
  ]);
  return Object.fromEntries(pairs) as Record<string, string>;
}

function numberOf(text: string): number {
  if (/^[+-]?Inf$/i.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
  return Number(text);
}

/** The sum of all samples of a name; null where there is none. */
export function total(metrics: Metrics, name: string): number | null {
  const samples = metrics.get(name);
  return samples ? samples.reduce((sum, one) => sum + one.value, 0) : null;
}
