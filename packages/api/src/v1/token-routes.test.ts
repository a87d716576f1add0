import { afterEach, beforeEach, expect, it } from "vitest";
import { type ApiFixture, openApiFixture } from "../api-fixture.test.support.ts";

let api: ApiFixture;
beforeEach(async () => {
  api = await openApiFixture();
});
afterEach(() => api.close());

it("a token is made, used, listed without its secret, and revoked", async () => {
  const wanted = { name: "night-shift", role: "operator", networks: ["127.0.0.1"], expiresAt: "2100-01-01T00:00:00Z" };
  const { status, body } = await api.v1("POST", "/tokens", wanted);
  const { token, text } = body as { token: { id: string }; text: string };
  expect([status, token]).toMatchObject([
    201,
    { name: "night-shift", projectId: "admin", networks: ["127.0.0.1/32"], createdBy: "admin", revokedAt: null },
  ]);
  expect(text).toMatch(new RegExp(`^drv_${token.id}_`));
  expect((await api.app.inject({ url: "/v1/hosts", headers: { "x-auth-token": text } })).statusCode).toBe(200);
  // What went over the bus does not hold it.
  expect(JSON.stringify(api.calls)).not.toContain(text.slice("drv_0123456789ab_".length));

  const listed = await api.v1("GET", "/tokens");
  expect((listed.body as { tokens: object[] }).tokens.at(-1)).toEqual(token);
  expect(JSON.stringify(listed.body)).not.toMatch(/secret|hash/i);

  const revoked = await api.v1("DELETE", `/tokens/${token.id}`);
  expect(revoked).toMatchObject({ status: 200, body: { token: { revokedBy: "admin" } } });
  expect(await api.v1("DELETE", "/tokens/0123456789ab")).toMatchObject({ status: 404 });
});

it.each([
  [{ name: "x" }, /role/],
  [{ name: "x", role: "root" }, /role/],
  [{ name: "two words", role: "reader" }, /name.*must be 1 to 255/],
  [{ name: "x", role: "reader", networks: ["10.0.0.0/33"] }, /networks.*must be a network/],
  [{ name: "x", role: "reader", networks: ["example.org"] }, /networks.*must be a network/],
  [{ name: "x", role: "reader", expiresAt: "tomorrow" }, /expiresAt/],
  [{ name: "x", role: "reader", secret: "x" }, /secret/],
])("a token is not made of %j", async (wanted, why) => {
  const { status, body } = await api.v1("POST", "/tokens", wanted);
  expect([status, (body as { error: { message: string } }).error.message]).toEqual([400, expect.stringMatching(why)]);
  expect(api.calls).toEqual([]);
});
