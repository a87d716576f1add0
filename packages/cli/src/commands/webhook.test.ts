import { expect, test } from "vitest";
import { runDrover } from "../testing/run-drover.ts";
import { SAMPLE_NOW } from "../testing/sample-views.ts";

const minuteAgo = new Date(SAMPLE_NOW.getTime() - 60_000).toISOString();
const webhook = {
  id: "wh_1",
  url: "https://receiver.example/hook",
  states: [],
  enabled: true,
  disabledReason: null,
  position: 7,
  failingSince: null,
  lastError: null,
  lastDeliveredAt: minuteAgo,
  createdAt: minuteAgo,
  createdBy: "ann",
};

test("webhook list says how each is getting on", async () => {
  const failing = {
    ...webhook,
    id: "wh_2",
    states: ["failed"],
    failingSince: minuteAgo,
    lastError: "it answered HTTP 500",
  };
  const disabled = { ...webhook, id: "wh_3", enabled: false, disabledReason: "the receiver is gone (HTTP 410)" };
  const script = { "GET /v1/webhooks": { body: { webhooks: [webhook, failing, disabled] } } };
  const { out, code } = await runDrover(script, "webhook", "list");
  expect(code).toBe(0);
  expect(out).toMatch(/wh_1 +https:\/\/receiver.example\/hook +all +last told .+ ago/);
  expect(out).toMatch(/wh_2 .* failed +failing for .+: it answered HTTP 500/);
  expect(out).toMatch(/wh_3 .* disabled: the receiver is gone/);
  expect((await runDrover({ "GET /v1/webhooks": { body: { webhooks: [] } } }, "webhook", "list")).out).toBe(
    "No webhooks.\n",
  );
});

test("webhook create shows the secret; disable and delete name what they did", async () => {
  const script = {
    "POST /v1/webhooks": { status: 201, body: { webhook, secret: "whsec_x" } },
    "PATCH /v1/webhooks/wh_1": { body: { webhook: { ...webhook, enabled: false } } },
    "DELETE /v1/webhooks/wh_1": { body: { deleted: "wh_1" } },
  };
  const made = await runDrover(script, "webhook", "create", webhook.url, "--state", "completed", "failed");
  expect(made.out).toBe("webhook wh_1 was made; its secret, which is not shown again: whsec_x\n");
  expect(made.requests).toEqual([`POST /v1/webhooks {"url":"${webhook.url}","states":["completed","failed"]}`]);
  expect((await runDrover(script, "webhook", "create", webhook.url, "--state", "nosuch")).code).toBe(2);
  const off = await runDrover(script, "webhook", "disable", "wh_1");
  expect([off.requests, off.out]).toEqual([
    ['PATCH /v1/webhooks/wh_1 {"enabled":false}'],
    expect.stringContaining("disabled"),
  ]);
  expect((await runDrover(script, "webhook", "delete", "wh_1")).out).toBe("webhook wh_1 was deleted\n");
});

test("webhook test ends with 1 when the receiver did not take it", async () => {
  const answer = (body: object) => runDrover({ "POST /v1/webhooks/wh_1/test": { body } }, "webhook", "test", "wh_1");
  const taken = await answer({ delivered: true, problem: null, tookMs: 12 });
  expect([taken.code, taken.out]).toEqual([0, "it was taken after 12 ms\n"]);
  const refused = await answer({ delivered: false, problem: "it answered HTTP 500", tookMs: 12 });
  expect([refused.code, refused.out]).toEqual([1, "it was not taken: it answered HTTP 500\n"]);
});
