import { contextOfTrace } from "@drover/bus";
import { errorChain, errorCodeOf, type Migration, RECONCILED } from "@drover/model";
import { context, ROOT_CONTEXT, type Span, SpanStatusCode, trace } from "@opentelemetry/api";

/**
 * What one migration is doing, as spans below the request that it was asked for by. The record has that request's trace
 * context, so the spans of a conductor that takes it over hang below it too.
 *
 * A span begins when a step does and ends with it, however often the runner looks at the record meanwhile. A migration that
 * nobody traced has none.
 */
export class StepSpans {
  readonly #tracer = trace.getTracer("@drover/conductor");
  #name: string | undefined;
  #span: Span | undefined;

  /** Runs `work` in the span of what the record says is to be done. */
  async within<Result>(migration: Migration, work: () => Promise<Result>): Promise<Result> {
    const parent = contextOfTrace(migration.traceparent);
    // Not in the context of whoever told of it: that may have been another migration's.
    if (parent === ROOT_CONTEXT) return await context.with(ROOT_CONTEXT, work);
    const name = nameOf(migration);
    if (name !== this.#name) {
      this.end();
      this.#name = name;
      this.#span = this.#tracer.startSpan(name, { attributes: { "drover.migration": migration.uuid } }, parent);
    }
    const span = this.#span;
    if (span === undefined) return await work();
    span.setAttributes({
      "drover.server": migration.serverName,
      "drover.source": migration.sourceHost,
      "drover.destination": migration.destinationHost ?? "",
      "drover.state": migration.state,
    });
    return await context.with(trace.setSpan(parent, span), work);
  }

  end(): void {
    this.#span?.end();
    this.#span = undefined;
    this.#name = undefined;
  }
}

/** The step under way failed, or is in doubt: its span says so. */
export function markStepFailed(error: unknown): void {
  const span = trace.getSpan(context.active());
  span?.setAttribute("error.type", errorCodeOf(error));
  span?.setStatus({ code: SpanStatusCode.ERROR, message: errorChain(error) });
}

function nameOf({ state, step }: Migration): string {
  if (state === "queued") return "queue";
  if (RECONCILED.has(state)) return "reconcile";
  return state === "rolling-back" ? `undo ${step}` : `step ${step}`;
}
