import { defineCast, handle } from "@drover/bus";
import { DroverError } from "@drover/model";
import { afterEach, beforeEach, expect, it } from "vitest";
import { z } from "zod";
import { type ApiFixture, openApiFixture } from "../api-fixture.test.support.ts";

const note = defineCast({
  topic: "sample",
  method: "note",
  version: "1.0",
  access: "command",
  request: z.object({ text: z.string() }),
});

let api: ApiFixture;
let heard: string[];
/** While true, the server's answer to every message is final and no. */
let refusing: boolean;
beforeEach(async () => {
  api = await openApiFixture();
  heard = [];
  refusing = true;
  await api.bus.serve({
    topic: "sample",
    server: "one",
    handlers: [
      handle(note, async ({ text }) => {
        if (refusing) throw new DroverError("refused", "not today", { details: { text } });
        heard.push(text);
      }),
    ],
  });
});
afterEach(() => api.close());

/** Casts a message that its server gives up on, and resolves with its id. */
async function park(text: string): Promise<string> {
  await api.bus.cast(note, { text }, { context: { requestId: `req-${text}` } });
  await expect
    .poll(async () => (await api.bus.listParked()).map(({ requestId }) => requestId))
    .toContain(`req-${text}`);
  return (await api.bus.listParked()).find(({ requestId }) => requestId === `req-${text}`)?.id ?? "";
}

it("lists what servers gave up on, with the reason", async () => {
  expect(await api.v1("GET", "/bus/parked")).toMatchObject({ status: 200, body: { parked: [] } });
  const ids = [await park("a"), await park("b")];
  const { body } = await api.v1("GET", "/bus/parked");
  expect(body).toMatchObject({
    parked: [
      {
        id: ids[0],
        queue: "sample",
        server: "one",
        method: "note",
        requestId: "req-a",
        reason: { code: "refused", message: "not today", details: { text: "a" } },
        tries: 1,
        parkedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      },
      { id: ids[1] },
    ],
  });
  expect(await api.v1("GET", "/bus/parked?limit=1")).toMatchObject({ body: { parked: [{ id: ids[0] }] } });
  expect((await api.v1("GET", "/bus/parked?limit=0")).status).toBe(400);
});

it("sends one again, which its server then takes", async () => {
  const id = await park("a");
  refusing = false;
  expect(await api.v1("POST", `/bus/parked/${id}/send-again`)).toMatchObject({
    status: 200,
    body: { id, released: "sent-again" },
  });
  await expect.poll(() => heard).toEqual(["a"]);
  expect(await api.bus.listParked()).toEqual([]);
  expect(await api.v1("POST", `/bus/parked/${id}/send-again`)).toMatchObject({
    status: 404,
    body: { error: { code: "not-found" } },
  });
});

it("throws one away", async () => {
  const id = await park("a");
  expect(await api.v1("DELETE", `/bus/parked/${id}`)).toMatchObject({
    status: 200,
    body: { id, released: "discarded" },
  });
  expect(await api.bus.listParked()).toEqual([]);
  expect(heard).toEqual([]);
});
