import { describe, expect, it } from "vitest";
import { isInForce, isSecretOf, mayAct, mintToken, parseToken, ROLES } from "./access-token.ts";

describe("a token", () => {
  it("is an id that names it and a secret that is kept by its hash alone", () => {
    const minted = mintToken();
    const parsed = parseToken(minted.text);
    expect(minted.text).toMatch(/^drv_[0-9a-f]{12}_[A-Za-z0-9_-]{43}$/);
    expect(parsed?.id).toBe(minted.id);
    expect(isSecretOf(parsed?.secret ?? "", minted)).toBe(true);
    expect(minted.secretHash).not.toContain(parsed?.secret);
    expect(isSecretOf(parseToken(mintToken().text)?.secret ?? "", minted)).toBe(false);
  });

  it.each(["", "drv_", "secret", `drv_0123456789ab_${"x".repeat(42)}`, `drv_0123456789AB_${"x".repeat(43)}`])(
    "is not %j",
    (text) => {
      expect(parseToken(text)).toBeUndefined();
    },
  );

  it("counts until it is revoked or at its end", () => {
    const now = new Date(1_000);
    expect(isInForce({ revokedAt: null, expiresAt: null }, now)).toBe(true);
    expect(isInForce({ revokedAt: null, expiresAt: new Date(1_001) }, now)).toBe(true);
    expect(isInForce({ revokedAt: null, expiresAt: new Date(1_000) }, now)).toBe(false);
    expect(isInForce({ revokedAt: new Date(999), expiresAt: null }, now)).toBe(false);
  });
});

it("has roles of which each may what those before it may", () => {
  const allowed = ROLES.map((role) => ROLES.filter((least) => mayAct(role, least)));
  expect(allowed).toEqual([["reader"], ["reader", "operator"], ["reader", "operator", "admin"]]);
});
