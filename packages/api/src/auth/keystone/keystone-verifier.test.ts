import { type Clock, DroverError, systemClock } from "@drover/model";
import { beforeEach, expect, it, vi } from "vitest";
import type { KeystoneToken } from "./keystone-client.ts";
import { keystoneConfig } from "./keystone-config.ts";
import { KeystoneVerifier } from "./keystone-verifier.ts";

const START_MS = Date.UTC(2026, 10, 27, 12);
let ms: number;
const clock: Clock = { ...systemClock, monotonicMs: () => ms, now: () => new Date(START_MS + ms) };
const config = keystoneConfig.parse({ auth_url: "https://keystone.example:5000/v3" });
const olga: KeystoneToken = {
  expires_at: new Date(START_MS + 3_600_000),
  audit_ids: ["3T2dc1CGQxyJsHdDu1xkcw"],
  user: { id: "u1", name: "olga", domain: { id: "default", name: "Default" } },
  project: { id: "p1", name: "night" },
  roles: [{ name: "member" }, { name: "drover_operator" }, { name: "drover_reader" }],
};
const validate = vi.fn<(text: string) => Promise<KeystoneToken | undefined>>();
let verifier: KeystoneVerifier;
beforeEach(() => {
  ms = 0;
  validate.mockReset().mockResolvedValue(olga);
  verifier = new KeystoneVerifier({ validate }, config, clock);
});

it("gives the most of what the roles stand for, under the user's name and the token's id for logs", async () => {
  expect(await verifier.verify("secret", "192.0.2.7")).toEqual({
    ...{ userId: "olga", projectId: "p1", role: "operator" },
    ...{ tokenId: "keystone:3T2dc1CGQxyJsHdDu1xkcw", remoteAddress: "192.0.2.7" },
  });
});

it("tells users of other domains apart, and a token for the whole system from one for a project", async () => {
  const user = { id: "u2", name: "olga", domain: { id: "d2", name: "partners" } };
  const { project: _, ...rest } = olga;
  validate.mockResolvedValue({ ...rest, user, roles: [{ name: "admin" }] });
  expect(await verifier.verify("secret", "::1")).toMatchObject({
    ...{ userId: "olga@partners", projectId: "system", role: "admin" },
  });
});

it("refuses a user none of whose roles counts, and says which there are", async () => {
  validate.mockResolvedValue({ ...olga, roles: [{ name: "member" }, { name: "creator" }] });
  await expect(verifier.verify("secret", "::1")).rejects.toMatchObject({
    code: "forbidden",
    message: "none of olga's roles in Keystone counts here; they are creator, member",
  });
});

it("asks once for all who ask at the same time, and again when it was believed for long enough", async () => {
  await Promise.all(Array.from({ length: 50 }, () => verifier.verify("secret", "::1")));
  expect(validate).toHaveBeenCalledTimes(1);
  ms = 60_000;
  validate.mockResolvedValue(undefined);
  await expect(verifier.verify("secret", "::1")).rejects.toMatchObject({ code: "unauthenticated" });
  expect([validate.mock.calls.length, verifier.remembers("secret")]).toEqual([2, false]);
});

it("asks once for all at the same time, though nothing is to be remembered", async () => {
  const unremembering = new KeystoneVerifier({ validate }, { ...config, token_cache_time: 0 }, clock);
  const ask = () => unremembering.verify("secret", "::1");
  await Promise.all([ask(), ask()]);
  expect(validate).toHaveBeenCalledTimes(1);
  await ask();
  expect(validate).toHaveBeenCalledTimes(2);
});

it("believes for 10 s that a token is none", async () => {
  validate.mockResolvedValueOnce(undefined);
  for (const atMs of [0, 9_999]) {
    ms = atMs;
    await expect(verifier.verify("secret", "::1")).rejects.toMatchObject({ code: "unauthenticated" });
  }
  expect(validate).toHaveBeenCalledTimes(1);
  ms = 10_000;
  expect((await verifier.verify("secret", "::1")).role).toBe("operator");
});

it("believes no token past its end, whatever was said of it before", async () => {
  validate.mockResolvedValue({ ...olga, expires_at: new Date(START_MS + 10_000) });
  await verifier.verify("secret", "::1");
  expect(verifier.remembers("secret")).toBe(true);
  ms = 10_000;
  expect(verifier.remembers("secret")).toBe(false);
  await expect(verifier.verify("secret", "::1")).rejects.toMatchObject({ code: "unauthenticated", details: {} });
});

it("asks again after Keystone was away, and asks nothing of what can be no token", async () => {
  validate.mockRejectedValueOnce(new DroverError("unavailable", "away"));
  await expect(verifier.verify("secret", "::1")).rejects.toMatchObject({ code: "unavailable" });
  expect((await verifier.verify("secret", "::1")).role).toBe("operator");
  await expect(verifier.verify("x".repeat(5_000), "::1")).rejects.toMatchObject({ code: "unauthenticated" });
  expect(validate).toHaveBeenCalledTimes(2);
});
