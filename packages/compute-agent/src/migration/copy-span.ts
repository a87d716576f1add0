import { contextOfTrace } from "@drover/bus";
import type { MigrationProgress } from "@drover/model";
import { type Context, context, ROOT_CONTEXT, type Span, SpanStatusCode, trace } from "@opentelemetry/api";
import type { JournalEntry } from "../journal/journal-entry.ts";
import type { SettledEnd } from "./settle-end.ts";

/**
 * The copy itself as a span below the command that started it: what happened to it, its passes over memory and its policy's
 * decisions are events, with their numbers. A copy that is taken up again after a restart has another span there. One that
 * nobody traced has none.
 */
export class CopySpan {
  readonly #span: Span | undefined;
  readonly #context: Context = ROOT_CONTEXT;
  #iteration = 0;

  constructor(entry: JournalEntry, host: string) {
    const parent = contextOfTrace(entry.traceparent);
    if (parent === ROOT_CONTEXT) return;
    const attributes = {
      "drover.migration": entry.migrationUuid,
      "drover.server": entry.serverName,
      "drover.source": host,
      "drover.destination": entry.destinationHost,
      "drover.incarnation": entry.incarnation,
      "drover.flags": entry.flags.filter(({ value }) => value === undefined).map(({ name }) => name),
    };
    this.#span = trace.getTracer("@drover/compute-agent").startSpan("copy guest", { attributes }, parent);
    this.#context = trace.setSpan(parent, this.#span);
  }

  /** What is called and reported within `work` is part of the span, and of no other. */
  within<Result>(work: () => Result): Result {
    return context.with(this.#context, work);
  }

  event(name: string, message: string, numbers: Readonly<Record<string, number>> = {}): void {
    this.#span?.addEvent(name, { message, ...numbers });
  }

  /** Of all snapshots those are kept with which a pass over memory begins. */
  progress(progress: MigrationProgress): void {
    const { iteration, memoryRemainingBytes, memoryBytesPerSecond, dirtyBytesPerSecond, expectedDowntimeMs } = progress;
    if (iteration === this.#iteration) return;
    this.#iteration = iteration;
    const numbers = { iteration, memoryRemainingBytes, memoryBytesPerSecond, dirtyBytesPerSecond, expectedDowntimeMs };
    this.#span?.addEvent("memory iteration", numbers);
  }

  outcome({ outcome, cause, error }: SettledEnd, last: MigrationProgress | null): void {
    this.#span?.setAttributes({
      "drover.outcome": outcome,
      ...(cause === null ? {} : { "drover.cause": cause }),
      ...(last === null ? {} : { "drover.memory_bytes": last.memoryProcessedBytes }),
      ...(typeof last?.downtimeMs === "number" ? { "drover.downtime_ms": last.downtimeMs } : {}),
    });
    if (error !== null) this.#span?.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
  }

  end(): void {
    this.#span?.end();
  }
}
