import { errorChain, errorCodeOf } from "@drover/model";
import { type Attributes, context, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { Bus, RpcContext, RpcHandler, RpcInfo, ServeOptions } from "./bus.ts";
import type { CallContract, CastContract } from "./contract.ts";
import { newRequestId } from "./envelope.ts";
import { passedOn } from "./passed-on.ts";
import { currentContext } from "./rpc-context.ts";
import { contextOfTrace, traceparentOf } from "./trace-context.ts";

type AnyContract = CallContract<unknown, unknown> | CastContract<unknown>;

/**
 * The same bus, with a span for both ends of what is part of a trace. A trace is begun by a request that changes something
 * (access `request`) and came with none; heartbeats and questions of nobody's trace are in none.
 */
export function traceBus(bus: Bus): Bus {
  const tracer = trace.getTracer("@drover/bus");

  async function sent<Result>(
    contract: AnyContract,
    options: { readonly context?: RpcContext; readonly server?: string },
    send: (context: RpcContext | undefined) => Promise<Result>,
  ): Promise<Result> {
    const given = options.context ?? currentContext();
    const active = context.active();
    const parent = trace.getSpan(active) === undefined ? contextOfTrace(given?.traceparent) : active;
    if (parent === ROOT_CONTEXT) return send(options.context);
    const kind = contract.kind === "call" ? SpanKind.CLIENT : SpanKind.PRODUCER;
    const attributes = attributesOf(contract, options.server);
    const span = tracer.startSpan(`${contract.topic} ${contract.method}`, { kind, attributes }, parent);
    const traceparent = traceparentOf(span);
    const carried = traceparent === undefined ? {} : { traceparent };
    return await settled(span, () => send({ ...(given ?? { requestId: newRequestId() }), ...carried }));
  }

  async function served<Result>(
    contract: AnyContract,
    server: string,
    info: RpcInfo,
    run: () => Promise<Result>,
  ): Promise<Result> {
    const parent = contextOfTrace(info.context.traceparent);
    if (parent === ROOT_CONTEXT && contract.access !== "request") return run();
    const kind = contract.kind === "call" ? SpanKind.SERVER : SpanKind.CONSUMER;
    const attributes = { ...attributesOf(contract, server), "drover.request_id": info.context.requestId };
    const span = tracer.startSpan(`${contract.topic} ${contract.method}`, { kind, attributes }, parent);
    return await context.with(trace.setSpan(parent, span), () => settled(span, run));
  }

  const traced = (handler: RpcHandler, server: string): RpcHandler => ({
    contract: handler.contract,
    read: (args) => {
      const { request, run } = handler.read(args);
      return { request, run: (info) => served(handler.contract, server, info, () => run(info)) };
    },
  });
  return {
    ...passedOn(bus),
    call: (contract, request, options = {}) =>
      sent(contract, options, (carried) => bus.call(contract, request, { ...options, ...withContext(carried) })),
    cast: (contract, request, options = {}) =>
      sent(contract, options, (carried) => bus.cast(contract, request, { ...options, ...withContext(carried) })),
    serve: (options: ServeOptions) =>
      bus.serve({ ...options, handlers: options.handlers.map((handler) => traced(handler, options.server)) }),
  };
}

function withContext(carried: RpcContext | undefined): { readonly context?: RpcContext } {
  return carried === undefined ? {} : { context: carried };
}

/** By OpenTelemetry's conventions for RPC, as far as they fit. */
function attributesOf({ topic, method }: AnyContract, server: string | undefined): Attributes {
  const target = server === undefined ? {} : { "drover.server": server };
  return { "rpc.system": "oslo.messaging", "rpc.service": topic, "rpc.method": method, ...target };
}

async function settled<Result>(span: Span, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    span.setAttribute("error.type", errorCodeOf(error));
    span.setStatus({ code: SpanStatusCode.ERROR, message: errorChain(error) });
    throw error;
  } finally {
    span.end();
  }
}
