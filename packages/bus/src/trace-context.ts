import { type Context, context, isSpanContextValid, ROOT_CONTEXT, type Span, trace } from "@opentelemetry/api";
import { currentContext } from "./rpc-context.ts";

/** W3C Trace Context, level 1: version, trace, span and flags, of which the ids are not all zero. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-([0-9a-f]{2})$/;

export function isTraceparent(text: string): boolean {
  return TRACEPARENT.test(text);
}

/** What a span is a child of: the span that `traceparent` names, or nothing where that is none. */
export function contextOfTrace(traceparent: string | null | undefined): Context {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent ?? "") ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return ROOT_CONTEXT;
  const traceFlags = Number.parseInt(flags, 16);
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

/** Undefined where there is no span, or none that anybody could refer to. */
export function traceparentOf(span: Span | undefined): string | undefined {
  const spanContext = span?.spanContext();
  if (spanContext === undefined || !isSpanContextValid(spanContext)) return undefined;
  const { traceId, spanId, traceFlags } = spanContext;
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

/** Of the span under way, else what came with the request that is being handled: by it work goes on in the same trace. */
export function currentTraceparent(): string | undefined {
  return traceparentOf(trace.getSpan(context.active())) ?? currentContext()?.traceparent;
}
