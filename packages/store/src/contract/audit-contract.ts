import { describe, expect, it } from "vitest";
import type { NewAuditEntry } from "../store.ts";
import type { ContractContext } from "./migration-contract.ts";

/** What every driver promises about the audit. */
export function auditContract(context: () => ContractContext): void {
  const entry = (change: Partial<NewAuditEntry> = {}): NewAuditEntry => ({
    ...{ userId: "olga", projectId: "admin", role: "operator", tokenId: "0123456789ab", remoteAddress: "192.0.2.7" },
    ...{ sender: "drover-api", action: "update_host", resource: "host alpha", request: '{"host":"alpha"}' },
    ...{ outcome: null, message: null, httpStatus: null, requestId: "req-1", times: 1 },
    ...change,
  });

  describe("the audit", () => {
    it("keeps what was asked, and what came of it once it is known", async () => {
      const { clock, store } = context();
      const id = await store.audit.add(entry());
      expect(await store.audit.list({})).toEqual([{ ...entry(), id, at: clock.now() }]);
      await store.audit.settle(id, "refused", "not now");
      await store.audit.settle(id, "ok", null);
      expect(await store.audit.list({})).toMatchObject([{ id, outcome: "refused", message: "not now" }]);
    });

    it("is held to that by the database itself", async () => {
      const { store, run } = context();
      await store.audit.add(entry({ outcome: "ok" }));
      await store.audit.add(entry());
      for (const change of ["user_id = 'eve' where outcome is null", "outcome = 'refused' where outcome = 'ok'"]) {
        await expect(run(`update audit set ${change}`)).rejects.toThrow("rows of audit stay as they are");
      }
      expect(await store.audit.list({})).toMatchObject([{ userId: "olga", outcome: null }, { outcome: "ok" }]);
    });

    it("is listed the newest first, by page and by what is looked for", async () => {
      const { clock, store } = context();
      const first = await store.audit.add(entry({ outcome: "ok" }));
      clock.advance(1_000);
      const since = clock.now();
      const second = await store.audit.add(entry({ userId: "eve", outcome: "forbidden", requestId: "req-2" }));
      const third = await store.audit.add(entry({ action: "revoke_token", resource: "token x", tokenId: null }));
      const ids = async (filter: object) => (await store.audit.list(filter)).map(({ id }) => id);
      expect(await ids({})).toEqual([third, second, first]);
      expect(await ids({ limit: 2 })).toEqual([third, second]);
      expect(await ids({ limit: 2, marker: second })).toEqual([first]);
      expect(await ids({ userId: "eve" })).toEqual([second]);
      expect(await ids({ tokenId: "0123456789ab" })).toEqual([second, first]);
      expect(await ids({ action: "revoke_token" })).toEqual([third]);
      expect(await ids({ resource: "host alpha" })).toEqual([second, first]);
      expect(await ids({ outcome: "forbidden" })).toEqual([second]);
      expect(await ids({ requestId: "req-2" })).toEqual([second]);
      expect(await ids({ since })).toEqual([third, second]);
      expect(await ids({ before: since })).toEqual([first]);
    });

    it("loses its oldest entries by age, and a batch at a time", async () => {
      const { clock, store } = context();
      for (let count = 0; count < 3; count++) await store.audit.add(entry());
      clock.advance(1_000);
      const kept = await store.audit.add(entry());
      expect(await store.audit.prune(clock.now(), 2)).toBe(2);
      expect(await store.audit.prune(clock.now(), 2)).toBe(1);
      expect(await store.audit.prune(clock.now(), 2)).toBe(0);
      expect((await store.audit.list({})).map(({ id }) => id)).toEqual([kept]);
    });
  });
}
