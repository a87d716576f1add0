import { expect, test } from "vitest";
import { EXIT } from "../exit-code.ts";
import { runDrover } from "../testing/run-drover.ts";
import { SAMPLE_NOW } from "../testing/sample-views.ts";

const token = {
  ...{ id: "0123456789ab", name: "night", role: "operator", projectId: "admin", networks: [], createdBy: "olga" },
  ...{ createdAt: SAMPLE_NOW.toISOString(), expiresAt: null, revokedBy: null, revokedAt: null },
};

test("a token is alone on standard output; what is asked for is what was said", async () => {
  const { code, out, err, requests } = await runDrover(
    { "POST /v1/tokens": { status: 201, body: { token, text: "drv_0123456789ab_secret" } } },
    ...["token", "create", "night", "--role", "operator", "--network", "10.0.0.0/8", "--expires", "2h"],
  );
  expect([code, out]).toEqual([EXIT.ok, "drv_0123456789ab_secret\n"]);
  expect(err).toMatch(/not shown again/);
  const body = { name: "night", role: "operator", projectId: "admin", networks: ["10.0.0.0/8"] };
  const expiresAt = new Date(SAMPLE_NOW.getTime() + 7_200_000).toISOString();
  expect(requests).toEqual([`POST /v1/tokens ${JSON.stringify({ ...body, expiresAt })}`]);
});

test("a token needs a role that there is, and an end that can be understood", async () => {
  for (const options of [[], ["--role", "root"], ["--role", "reader", "--expires", "soon"]]) {
    const { code, requests } = await runDrover({}, "token", "create", "night", ...options);
    expect([options, code, requests]).toEqual([options, EXIT.usage, []]);
  }
});

test("tokens are listed with what has become of them, and revoked", async () => {
  const tokens = [
    token,
    { ...token, id: "111111111111", networks: ["10.0.0.0/8"], expiresAt: "2026-02-28T00:00:00.000Z" },
    { ...token, id: "222222222222", revokedBy: "eve", revokedAt: token.createdAt },
  ];
  const { out } = await runDrover({ "GET /v1/tokens": { body: { tokens } } }, "token", "list");
  expect(out.split("\n").map((line) => line.split(/ {2,}/).at(-1))).toEqual([
    ...["STATE", "in force", "expired", "revoked by eve", ""],
  ]);
  const path = "DELETE /v1/tokens/0123456789ab";
  const revoked = await runDrover({ [path]: { body: { token } } }, "token", "revoke", "0123456789ab");
  expect([revoked.code, revoked.out]).toEqual([EXIT.ok, "0123456789ab of night is revoked\n"]);
});

test("the audit is read from the top, with who, from where, what and outcome", async () => {
  const entry = {
    ...{ id: 2, at: SAMPLE_NOW.toISOString(), userId: "olga", projectId: "admin", role: "admin", tokenId: token.id },
    ...{ remoteAddress: "192.0.2.7", sender: "drover-api", action: "update_host", resource: "host alpha" },
    ...{ request: "{}", outcome: "ok", message: null, httpStatus: null, requestId: "req-2", times: 1 },
  };
  const first = { ...entry, id: 1, userId: null, remoteAddress: null, outcome: "refused", message: "no", times: 3 };
  const { out, requests } = await runDrover(
    { "GET /v1/audit": { body: { entries: [entry, first] } } },
    ...["audit", "--user", "olga", "--since", "1d", "--limit", "5"],
  );
  const [, one = "", two = ""] = out.split("\n");
  expect(one).toMatch(/^1 .*nobody known +bus: drover-api +update_host +host alpha +refused: no \(3 times\) +req-2$/);
  expect(two).toMatch(/^2 .*olga +192\.0\.2\.7 +update_host +host alpha +ok +req-2$/);
  const since = new Date(SAMPLE_NOW.getTime() - 86_400_000).toISOString();
  expect(requests).toEqual([`GET /v1/audit?user=olga&limit=5&since=${encodeURIComponent(since)}`]);
});
