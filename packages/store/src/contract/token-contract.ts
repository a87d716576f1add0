import { mintToken } from "@drover/model";
import { describe, expect, it } from "vitest";
import type { NewToken } from "../store.ts";
import type { ContractContext } from "./migration-contract.ts";

/** What every driver promises about tokens. */
export function tokenContract(context: () => ContractContext): void {
  const token = (name: string, change: Partial<NewToken> = {}): NewToken => {
    const { id, secretHash } = mintToken();
    const rest = { role: "operator", projectId: "admin", networks: [], createdBy: "olga", expiresAt: null } as const;
    return { id, secretHash, name, ...rest, ...change };
  };

  describe("tokens", () => {
    it("are kept as they were given out, the oldest first", async () => {
      const { clock, store } = context();
      const first = token("night shift", {
        networks: ["10.0.0.0/8", "fd00::/8"],
        expiresAt: new Date(1_800_000_000_000),
      });
      const made = await store.tokens.create(first);
      expect(made).toEqual({ ...first, createdAt: clock.now(), revokedAt: null, revokedBy: null });
      clock.advance(1);
      const second = await store.tokens.create(token("night shift"));
      expect(await store.tokens.list()).toEqual([made, second]);
      expect(await store.tokens.get(made.id)).toEqual(made);
      expect(await store.tokens.get("0123456789ab")).toBeUndefined();
    });

    it("are revoked once", async () => {
      const { clock, store } = context();
      const { id } = await store.tokens.create(token("olga"));
      const revoked = await store.tokens.revoke(id, "admin");
      expect(revoked).toMatchObject({ id, revokedBy: "admin", revokedAt: clock.now() });
      clock.advance(1_000);
      expect(await store.tokens.revoke(id, "eve")).toEqual(revoked);
      expect(await store.tokens.get(id)).toEqual(revoked);
      await expect(store.tokens.revoke("0123456789ab", "admin")).rejects.toMatchObject({ code: "not-found" });
    });
  });
}
