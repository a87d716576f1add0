import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** A span as it arrived. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Undefined for the first of a trace. */
  readonly parentSpanId?: string;
  readonly name: string;
  /** `service.name` of the process that sent it. */
  readonly service: string;
  /** The package that made it. */
  readonly scope: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly { readonly name: string; readonly attributes: Readonly<Record<string, unknown>> }[];
  /** True where the span says that it failed. */
  readonly failed: boolean;
}

/** A collector of traces: OTLP over HTTP, JSON, as far as a test needs it. */
export interface OtlpReceiver extends AsyncDisposable {
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const server = createServer(async (request, response) => {
    if (request.url === "/v1/traces") spans.push(...spansOf(JSON.parse(await text(request))));
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** The spans of a trace whose parents are not among them: one, when it is whole. */
export function rootsOf(spans: readonly ReceivedSpan[]): readonly ReceivedSpan[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  return spans.filter(({ parentSpanId }) => parentSpanId === undefined || !ids.has(parentSpanId));
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface Export {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string };
      readonly spans: readonly (Pick<ReceivedSpan, "traceId" | "spanId" | "name"> & {
        readonly parentSpanId?: string;
        readonly attributes?: readonly Attribute[];
        readonly events?: readonly { readonly name: string; readonly attributes?: readonly Attribute[] }[];
        readonly status?: { readonly code?: number };
      })[];
    }[];
  }[];
}

function spansOf({ resourceSpans }: Export): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans }) =>
      spans.map(({ traceId, spanId, parentSpanId, name, attributes, events = [], status }) => ({
        ...{ traceId, spanId, name, scope: scope.name },
        ...(parentSpanId ? { parentSpanId } : {}),
        service: String(valuesOf(resource.attributes)["service.name"]),
        attributes: valuesOf(attributes),
        events: events.map((event) => ({ name: event.name, attributes: valuesOf(event.attributes) })),
        failed: status?.code === 2,
      })),
    ),
  );
}

function valuesOf(attributes: readonly Attribute[] = []): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
