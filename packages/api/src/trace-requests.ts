import { contextOfTrace } from "@drover/bus";
import { context, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { FastifyInstance } from "fastify";

/** They change nothing, and clients poll by them: in a trace only where the caller has one. */
const READS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * A span for each request that changes something, or that comes with a `traceparent`; what its handler calls is below it.
 */
export function traceRequests(app: FastifyInstance): void {
  const tracer = trace.getTracer("@drover/api");
  const spans = new WeakMap<object, Span>();
  app.addHook("onRequest", async (request) => {
    const { traceparent } = request.headers;
    if (READS.has(request.method) && traceparent === undefined) return;
    const { url: route = "none" } = request.routeOptions;
    const attributes = {
      "http.request.method": request.method,
      "http.route": route,
      "drover.request_id": request.id,
    };
    const parent = contextOfTrace(typeof traceparent === "string" ? traceparent : undefined);
    spans.set(request, tracer.startSpan(`${request.method} ${route}`, { kind: SpanKind.SERVER, attributes }, parent));
  });
  // Not before: a body is read by events of the socket, which know nothing of the context that the request came in.
  app.addHook("preValidation", (request, _reply, done) => {
    const span = spans.get(request);
    if (span === undefined) done();
    else context.with(trace.setSpan(context.active(), span), done);
  });
  app.addHook("onResponse", async (request, reply) => {
    const span = spans.get(request);
    span?.setAttribute("http.response.status_code", reply.statusCode);
    if (reply.statusCode >= 500) span?.setStatus({ code: SpanStatusCode.ERROR });
    span?.end();
  });
}
