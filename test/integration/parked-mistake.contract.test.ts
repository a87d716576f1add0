import { defineCast, openAmqpBus } from "@drover/bus";
import { waitFor } from "@drover/testkit";
import { describe, expect, it } from "vitest";
import { startBrokerPlane } from "./broker-plane.ts";

describe("the mistake of another service", () => {
  it("is a parked message, which drover shows and throws away", { timeout: 90_000 }, async () => {
    await using plane = await startBrokerPlane("amqp");
    const unknown = defineCast({
      topic: "conductor",
      method: "no_such_method",
      version: "1.0",
      access: "request",
      request: { parse: () => ({}) },
    });
    const bus = openAmqpBus({ urls: [plane.broker.url], name: "another-service" });
    try {
      await bus.cast(unknown, {}, { context: { requestId: "req-42" } });
      const [parked] = await waitFor("it to be parked", async () => {
        const list = (await plane.client.parked()).parked;
        return list.length > 0 ? list : undefined;
      });
      expect(parked).toMatchObject({
        queue: "conductor",
        method: "no_such_method",
        requestId: "req-42",
        reason: { code: "bad-request", message: expect.stringContaining("no_such_method") },
      });
      const id = parked?.id ?? "";
      expect(await plane.client.discardParked(id)).toEqual({ id, released: "discarded" });
      expect((await plane.client.parked()).parked).toEqual([]);
    } finally {
      await bus.close();
    }
  });
});
