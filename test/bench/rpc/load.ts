/** So many callers, each making one call after the other, for so long. */
export interface Load {
  readonly callers: number;
  readonly forMs: number;
}

/** What a client measured under one load. */
export interface Sample {
  readonly calls: number;
  readonly tookMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}
