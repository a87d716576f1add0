import { type AccessToken, type Clock, DroverError, mintToken } from "@drover/model";
import { expect, it } from "vitest";
import { TokenVerifier } from "./token-verifier.ts";

/** A verifier over one token, whose clock is moved by hand. */
function verifierOf(change: Partial<AccessToken> = {}) {
  const { text, id, secretHash } = mintToken();
  const now = new Date("2026-01-01T00:00:00Z");
  const token: AccessToken = {
    ...{ id, secretHash, name: "olga", role: "admin", projectId: "admin", networks: [], createdBy: "test" },
    ...{ createdAt: now, expiresAt: null, revokedAt: null, revokedBy: null },
    ...change,
  };
  const database = { token: token as AccessToken | undefined, asked: 0, away: false };
  const clock = { ms: 0 };
  const tokens = {
    get: async () => {
      database.asked += 1;
      if (database.away) throw new DroverError("unavailable", "the database is away");
      return database.token;
    },
  };
  const stopped: Clock = { now: () => now, monotonicMs: () => clock.ms, sleep: async () => {} };
  const verifier = new TokenVerifier({ store: { tokens: tokens as never }, clock: stopped });
  return { verify: () => verifier.verify(text, "127.0.0.1"), token, database, clock };
}

it("asks the database once for a token in five seconds, also of requests at once", async () => {
  const { verify, database, clock } = verifierOf();
  await Promise.all([verify(), verify(), verify()]);
  clock.ms = 4_999;
  expect(await verify()).toMatchObject({ userId: "olga", role: "admin", remoteAddress: "127.0.0.1" });
  expect(database.asked).toBe(1);
});

it("refuses a token within five seconds of its revocation", async () => {
  const { verify, token, database, clock } = verifierOf();
  await verify();
  database.token = { ...token, revokedAt: new Date(0), revokedBy: "admin" };
  clock.ms = 5_000;
  await expect(verify()).rejects.toMatchObject({ code: "unauthenticated", message: expect.stringMatching(/revoked/) });
});

it("says that the database is away, and asks again at once", async () => {
  const { verify, database } = verifierOf();
  database.away = true;
  await expect(verify()).rejects.toMatchObject({ code: "unavailable" });
  database.away = false;
  expect(await verify()).toMatchObject({ userId: "olga" });
});
