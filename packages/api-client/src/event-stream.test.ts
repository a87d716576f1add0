import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { ApiError, ApiUnreachableError } from "./api-error.ts";
import type { EventStreamOptions } from "./event-stream.ts";
import { type DroverClient, openDrover } from "./open-drover.ts";

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

/** Answers each connection with the next of these, and the last again and again; `asked` are their Last-Event-IDs. */
async function serve(...answers: readonly ((response: ServerResponse, request: IncomingMessage) => void)[]) {
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(request.headers["last-event-id"] as string | undefined);
    answers[Math.min(asked.length, answers.length) - 1]?.(response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return { asked, drover: openDrover({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }) };
}

const stream = (text: string, end: (response: ServerResponse) => void) => (response: ServerResponse) => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(`retry: 1\n\n${text}`, () => end(response));
};
const change = (id: number) => `event: change\nid: ${id}\ndata: {"id":${id}}\n\n`;
const over = (response: ServerResponse) => response.writeHead(204).end();
const refuse = (status: number) => (response: ServerResponse) => {
  const error = { code: "unavailable", message: "no", details: {}, requestId: "r" };
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ error }));
};

async function ids(drover: DroverClient, options: EventStreamOptions = {}): Promise<number[]> {
  const heard: number[] = [];
  for await (const { event, data } of drover.migrationEvents(7, options)) if (event === "change") heard.push(data.id);
  return heard;
}

test("goes on after the last event when a stream ends or is cut, until there is nothing more", async () => {
  const half = `: comment\n\n${change(3)}event: progress\ndata: {"progress":[]}\n\nevent: change\nid: 4\ndata: {"i`;
  const { drover, asked } = await serve(
    stream(change(1) + change(2), (response) => response.end()),
    stream(half, (response) => setTimeout(() => response.destroy(), 20)),
    refuse(503),
    stream(change(4), (response) => response.end()),
    over,
  );
  const trouble: unknown[] = [];
  const heard = await ids(drover, { lastEventId: "0", onTrouble: (error) => trouble.push(error) });
  expect(heard).toEqual([1, 2, 3, 4]);
  expect(asked).toEqual(["0", "2", "3", "3", "4"]);
  expect(trouble).toEqual([expect.any(ApiUnreachableError), expect.objectContaining({ status: 503 })]);
});

test("a refusal ends it, and so does an API that stays away", async () => {
  const refused = await serve(refuse(404));
  await expect(ids(refused.drover)).rejects.toBeInstanceOf(ApiError);
  const { drover } = await serve(
    stream(change(1), (response) => response.end()),
    (response) => response.destroy(),
  );
  await expect(ids(drover, { patienceMs: 50 })).rejects.toThrow(ApiUnreachableError);
});

test("who has heard enough leaves nothing open, and a signal ends it with its reason", async () => {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const open = await serve((response, request) => {
    request.once("close", resolve);
    stream(change(1), () => undefined)(response);
  });
  for await (const { event } of open.drover.events()) if (event === "change") break;
  await closed;
  const stop = new AbortController();
  const asked = ids(open.drover, { signal: stop.signal });
  stop.abort(new Error("enough"));
  await expect(asked).rejects.toThrow("enough");
});

test("waits for an API that was lost after a long quiet as long as for any other, also where it has too much to do", async () => {
  let nowMs = 0;
  const sleep = async () => {
    nowMs += 1_000;
  };
  const clock = { monotonicMs: () => nowMs, sleep };
  const { drover, asked } = await serve(
    stream(change(1), (response) => {
      nowMs = 60_000;
      response.end(": nothing happens\n\n");
    }),
    (response) => response.destroy(),
    refuse(429),
    stream(change(2), (response) => response.end()),
    over,
  );
  expect(await ids(drover, { clock, patienceMs: 30_000 })).toEqual([1, 2]);
  expect(asked).toHaveLength(5);
});
