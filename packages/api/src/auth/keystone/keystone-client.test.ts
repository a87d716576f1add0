import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type Clock, errorChain, systemClock } from "@drover/model";
import { afterEach, beforeEach, expect, it } from "vitest";
import { KeystoneClient } from "./keystone-client.ts";
import { keystoneConfig } from "./keystone-config.ts";

interface Asked {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly own: unknown;
  readonly subject: unknown;
  readonly body: string;
}

let server: Server;
let url: string;
let asked: Asked[];
/** Status of the next answers to questions; then 200. */
let answers: number[];
let ms: number;
const clock: Clock = { ...systemClock, now: () => new Date(ms) };
const named = { id: "x", name: "x" };
const token = () => ({ expires_at: new Date(ms + 3_600_000).toISOString(), user: { ...named, domain: named } });

beforeEach(async () => {
  [asked, answers, ms] = [[], [], Date.UTC(2026, 10, 27, 12)];
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on("end", () => {
      const { method, headers } = request;
      asked.push({ method, url: request.url, own: headers["x-auth-token"], subject: headers["x-subject-token"], body });
      const logins = asked.filter((one) => one.method === "POST").length;
      if (method === "POST") response.writeHead(201, { "x-subject-token": `own-${logins}` });
      else response.writeHead(answers.shift() ?? 200);
      response.end(JSON.stringify({ token: token() }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function open(settings: Readonly<Record<string, unknown>> = { username: "drover", password: "secret" }) {
  const { auth_url = url, ...parsed } = { auth_url: url, ...settings } as { auth_url?: string };
  return new KeystoneClient({ ...keystoneConfig.parse({ auth_url, ...parsed }), auth_url }, clock);
}

it("logs in once for many questions, anew before its own token ends, and at once when that was revoked", async () => {
  const client = open();
  await Promise.all([client.validate("a"), client.validate("b")]);
  const [login, ...questions] = asked.map(({ method, own, subject }) => [method, own, subject]);
  expect(login).toEqual(["POST", undefined, undefined]);
  expect(questions.sort()).toEqual([
    ["GET", "own-1", "a"],
    ["GET", "own-1", "b"],
  ]);
  expect(JSON.parse(asked[0]?.body ?? "").auth.scope).toEqual({
    project: { name: "service", domain: { name: "Default" } },
  });
  ms += 3_550_000;
  await client.validate("c");
  answers = [401];
  await client.validate("d");
  expect(asked.slice(3).map(({ method, own }) => [method, own])).toEqual([
    ["POST", undefined],
    ["GET", "own-2"],
    ["GET", "own-2"],
    ["POST", undefined],
    ["GET", "own-3"],
  ]);
  await client.close();
});

it("tells what is no token from a Keystone that cannot say", async () => {
  const client = open({ application_credential_id: "id", application_credential_secret: "secret" });
  answers = [404, 403, 500, 401, 401];
  expect(await client.validate("a")).toBeUndefined();
  for (const status of [403, 500, 401]) {
    await expect(client.validate("a")).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining(String(status)),
    });
  }
  expect(JSON.parse(asked[0]?.body ?? "").auth.identity.methods).toEqual(["application_credential"]);
  await client.close();
});

it("gives up on a Keystone that does not answer, and says what goes on and what to look at", async () => {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const auth_url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const client = open({ username: "drover", password: "secret", auth_url, http_connect_timeout: 0.05 });
  const error = await client.validate("a").catch((caught: unknown) => caught);
  expect(error).toMatchObject({
    code: "unavailable",
    message: expect.stringMatching(/auth_url; Drover's own tokens go on/),
  });
  expect(errorChain(error)).not.toContain("secret");
  await client.close();
  silent.closeAllConnections();
  silent.close();
});

it.each([
  [{}, /^keystone_authtoken\.username, \.password: must be given with auth_url/],
  [{ username: "drover" }, /^keystone_authtoken\.password: must be given too/],
  [{ application_credential_secret: "x" }, /^keystone_authtoken\.application_credential_id: must be given too/],
  [{ username: "a", password: "b", cafile: "/nowhere.pem" }, /^keystone_authtoken\.cafile: \/nowhere\.pem/],
])("refuses settings like %j", (settings, why) => {
  expect(() => open(settings)).toThrow(why);
});
