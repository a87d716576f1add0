/**
 * What every function of this package rejects with when the world did not do what was asked of it: a command that
 * failed, a server that never became ready, a condition that did not come true. `details` holds what was seen last.
 */
export class TestkitError extends Error {
  override readonly name = "TestkitError";
  readonly details: Readonly<Record<string, unknown>>;

  constructor(message: string, options: { cause?: unknown; details?: Record<string, unknown> } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.details = options.details ?? {};
  }
}
