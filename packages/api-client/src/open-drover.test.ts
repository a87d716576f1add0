import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { ApiError, ApiUnreachableError } from "./api-error.ts";
import { openDrover } from "./open-drover.ts";

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function listen(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  closers.push(close);
  const { port } = server.address() as AddressInfo;
  return `http://127.0.0.1:${port}`;
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8" }).end(JSON.stringify(body));
}

test("asks /v1 with names and filters encoded and gives its JSON unchanged", async () => {
  const seen: string[] = [];
  const url = await listen((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    json(response, 200, { migrations: [], server: { name: "a b/c" } });
  });
  const drover = openDrover({ url: `${url}/` });
  expect(await drover.migrations({ server: "a b", active: true, limit: 5 })).toEqual(
    expect.objectContaining({ migrations: [] }),
  );
  expect((await drover.server("a b/c")).server.name).toBe("a b/c");
  expect(seen).toEqual(["GET /v1/migrations?server=a%20b&limit=5&active=true", "GET /v1/servers/a%20b%2Fc"]);
});

test("migrate sends the destination as JSON; abort sends no body", async () => {
  const bodies: string[] = [];
  const url = await listen((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      bodies.push(`${request.url} ${request.headers["content-type"] ?? "-"} ${body}`);
      json(response, 202, request.url?.endsWith("/abort") ? { answer: "accepted" } : { migration: { id: 7 } });
    });
  });
  const drover = openDrover({ url });
  expect((await drover.migrate("vm1", { host: "host-2" })).migration.id).toBe(7);
  expect(await drover.abort(7)).toEqual({ answer: "accepted" });
  expect(bodies).toEqual([
    '/v1/servers/vm1/migrations application/json {"host":"host-2","blockMigration":null,"priority":0}',
    "/v1/migrations/7/abort - ",
  ]);
});

test("a refusal is an ApiError with everything that /v1 said", async () => {
  const error = { code: "refused", message: "the guest has already arrived", details: { id: 7 }, requestId: "req-1" };
  const url = await listen((_request, response) => json(response, 409, { error }));
  const rejection = await openDrover({ url })
    .abort(7)
    .catch((thrown: unknown) => thrown);
  expect(rejection).toBeInstanceOf(ApiError);
  expect(rejection).toMatchObject({ status: 409, ...error });
});

test("a refused connection names the URL and the remedy", async () => {
  const url = "http://127.0.0.1:2";
  const rejection = await openDrover({ url })
    .hosts()
    .catch((thrown: unknown) => thrown);
  expect(rejection).toBeInstanceOf(ApiUnreachableError);
  expect(String(rejection)).toContain(`cannot reach Drover's API at ${url} (connection refused)`);
  expect(String(rejection)).toMatch(/npm start.*DROVER_URL/);
});

test("something else on that port is not taken for Drover", async () => {
  const page = await listen((_request, response) => response.end("<html>It works</html>"));
  await expect(openDrover({ url: page }).hosts()).rejects.toThrow(/but not as Drover's API/);
  const missing = await listen((_request, response) => json(response, 404, { message: "nothing here" }));
  await expect(openDrover({ url: missing }).hosts()).rejects.toThrow(/HTTP 404.*but not as Drover's API/);
});

test("a cut in the middle of the answer is unreachable, not a parse error", async () => {
  const url = await listen((_request, response) => {
    response.writeHead(200, { "content-type": "application/json", "content-length": "100" });
    response.write('{"hosts":', () => response.destroy());
  });
  await expect(openDrover({ url }).hosts()).rejects.toBeInstanceOf(ApiUnreachableError);
});

test("an answer that never comes ends after timeoutMs", async () => {
  const url = await listen(() => {});
  await expect(openDrover({ url, timeoutMs: 50 }).hosts()).rejects.toThrow(/did not answer within 0.05 s/);
});

test("the caller's signal ends a call with its own reason", async () => {
  const stop = new AbortController();
  const url = await listen(() => stop.abort(new Error("enough")));
  await expect(openDrover({ url, signal: stop.signal }).hosts()).rejects.toThrow("enough");
});

test("a URL that is none is refused at once", () => {
  expect(() => openDrover({ url: "localhost:8774" })).toThrow(/is not the URL of an API; it looks like http:/);
});
