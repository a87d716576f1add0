import { describe, expect, it } from "vitest";
import type { ContractContext } from "./migration-contract.ts";

const wanted = {
  id: "wh_1",
  url: "https://receiver.example/hook",
  secret: "whsec_x",
  states: ["completed", "failed"],
  position: 7,
  createdBy: "ann",
} as const;

/** What every driver promises about webhooks. */
export function webhookContract(context: () => ContractContext): void {
  describe("webhooks", () => {
    it("are kept whole, listed, switched off and on, and deleted", async () => {
      const { webhooks } = context().store;
      const made = await webhooks.create(wanted);
      expect(made).toMatchObject({ ...wanted, enabled: true, failingSince: null, createdAt: context().clock.now() });
      expect([await webhooks.get("wh_1"), await webhooks.get("wh_2")]).toEqual([made, undefined]);
      expect(await webhooks.setEnabled("wh_1", false, "gone")).toMatchObject({
        enabled: false,
        disabledReason: "gone",
      });
      expect(await webhooks.setEnabled("wh_1", true, null)).toEqual(made);
      await expect(webhooks.setEnabled("wh_2", true, null)).rejects.toMatchObject({ code: "not-found" });
      expect(await webhooks.list()).toEqual([made]);
      expect([await webhooks.remove("wh_1"), await webhooks.remove("wh_1")]).toEqual([true, false]);
    });

    it("go forward only, and remember since when they fail until something gets through", async () => {
      const { clock, store } = context();
      await store.webhooks.create(wanted);
      const since = clock.now();
      await store.webhooks.noteFailure("wh_1", "first");
      clock.advance(1000);
      await store.webhooks.noteFailure("wh_1", "second");
      expect(await store.webhooks.get("wh_1")).toMatchObject({ failingSince: since, lastError: "second", position: 7 });
      await store.webhooks.advance("wh_1", 8, false);
      expect(await store.webhooks.get("wh_1")).toMatchObject({
        failingSince: since,
        position: 8,
        lastDeliveredAt: null,
      });
      await store.webhooks.advance("wh_1", 9, true);
      await store.webhooks.advance("wh_1", 3, true);
      const told = { position: 9, failingSince: null, lastError: null, lastDeliveredAt: clock.now() };
      expect(await store.webhooks.get("wh_1")).toMatchObject(told);
    });
  });
}
