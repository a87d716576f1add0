/** What a benchmark is started with. */
export interface BenchOptions {
  /** Samples per series; undefined takes the benchmark's own number. */
  readonly runs: number | undefined;
  /** One part of a benchmark that has several; undefined takes all. */
  readonly only: string | undefined;
  /** Progress and the table for people; standard output is kept for the result. */
  readonly say: (line: string) => void;
}

/** Figures carry their unit in the name; a ratio is against the alternative that its name says. */
interface BenchResult {
  readonly figures: Readonly<Record<string, number>>;
  readonly ratios: Readonly<Record<string, number>>;
}

export type Bench = (options: BenchOptions) => Promise<BenchResult>;

/** The value below which `share` of the samples lie (nearest rank). */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new RangeError("no samples");
  return value;
}

export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5);
}

/** `median 812 (790–1003, n=5)` */
export function spread(samples: readonly number[], unit: string): string {
  const low = Math.min(...samples);
  const high = Math.max(...samples);
  return `median ${round(median(samples))} ${unit} (${round(low)}–${round(high)}, n=${samples.length})`;
}

export function round(value: number): number {
  return Math.round(value * 10) / 10;
}
