import { vi } from "vitest";

/**
 * How long `vi.waitFor` waits where a test does not say, in milliseconds: what it waits for has often come over a real
 * broker, on a machine that runs others of them beside it. Vitest's own 1000 has no setting
 * (that of `expect.poll` has: vitest.base.ts).
 */
const PATIENCE_MS = 30_000;

const waitFor = vi.waitFor;
vi.waitFor = (callback, options = {}) =>
  waitFor(callback, typeof options === "number" ? options : { timeout: PATIENCE_MS, ...options });
