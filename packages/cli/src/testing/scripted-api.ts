import { createServer, type Server } from "node:http";

/** One event of a stream. */
export interface ScriptedEvent {
  readonly event: string;
  readonly id?: number;
  readonly data: unknown;
}

/**
 * One answer: a body with 200, an answer with its own status, a stream of events that ends in order after the last, or the
 * connection cut without a word.
 */
export type ScriptedAnswer =
  | { readonly status?: number; readonly body: unknown }
  | { readonly events: readonly ScriptedEvent[] }
  | "cut";

/** Answers by `METHOD /path`; of several the next one is given each time, and the last again and again. */
export type ApiScript = Readonly<Record<string, ScriptedAnswer | readonly ScriptedAnswer[]>>;

export interface ScriptedApi {
  readonly url: string;
  /** `METHOD /path?query BODY` of every request so far. */
  readonly requests: readonly string[];
  /** `Authorization` of every request so far. */
  readonly authorizations: readonly (string | undefined)[];
  close(): Promise<void>;
}

/** A real HTTP server on a free loopback port that answers /v1 from a script; what is not in it is 404 `not-found`. */
export async function openScriptedApi(script: ApiScript): Promise<ScriptedApi> {
  const requests: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const next = new Map<string, number>();
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => {
      body += chunk;
    });
    request.on("end", () => {
      authorizations.push(request.headers.authorization);
      requests.push(`${request.method} ${request.url}${body === "" ? "" : ` ${body}`}`);
      const key = `${request.method} ${request.url?.split("?")[0]}`;
      const answer = pick(script[key], key, next);
      if (answer === "cut") {
        response.destroy();
        return;
      }
      if ("events" in answer) {
        response.writeHead(200, { "content-type": "text/event-stream" });
        for (const { event, id, data } of answer.events) {
          response.write(`event: ${event}\n${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`);
        }
        response.end();
        return;
      }
      response.writeHead(answer.status ?? 200, { "content-type": "application/json" });
      response.end(JSON.stringify(answer.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${portOf(server)}`, requests, authorizations, close: () => close(server) };
}

/** The body of a refusal as /v1 gives it. */
export function refusal(status: number, code: string, message: string, details: object = {}): ScriptedAnswer {
  return { status, body: { error: { code, message, details, requestId: "req-9" } } };
}

function pick(
  answers: ScriptedAnswer | readonly ScriptedAnswer[] | undefined,
  key: string,
  next: Map<string, number>,
): ScriptedAnswer {
  const missing = refusal(404, "not-found", `there is no ${key}`);
  if (answers === undefined) return missing;
  const list = answers === "cut" || "body" in answers || "events" in answers ? [answers] : answers;
  const at = next.get(key) ?? 0;
  next.set(key, at + 1);
  return list[Math.min(at, list.length - 1)] ?? missing;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function close(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
