/** Tokens of a real Keystone, by OpenStack's own command, at a Drover over simulated hosts. */
import { keystoneConfig } from "@drover/api";
import { type Keystone, runCommand, startKeystone, TestkitError } from "@drover/testkit";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type SimulatedPlane, startSimulatedPlane } from "../fleet/simulated-plane.ts";
import { isOver, untilMigration } from "../integration/watching.ts";

let keystone: Keystone;
let plane: SimulatedPlane;
const passwords = new Map<string, string>();

beforeAll(async () => {
  keystone = await startKeystone();
  for (const [name, role] of [
    ["olga", "drover_operator"],
    ["rita", "drover_reader"],
  ] as const) {
    passwords.set(name, await keystone.addUser(name, { project: "night", role }));
  }
  const own = { username: "admin", password: keystone.adminPassword, project_name: "admin" };
  const settings = keystoneConfig.parse({ auth_url: keystone.url, ...own, token_cache_time: 0 });
  plane = await startSimulatedPlane({ keystone: settings });
  await keystone.addEndpoint("compute", `${plane.url}/v2.1`);
  // `openstack server list` looks for Glance in the catalog first, whether or not it asks it anything.
  await keystone.addEndpoint("image", `${plane.url}/v2.1`);
  await plane.addGuest({ name: "web" });
}, 120_000);
afterAll(async () => {
  await plane?.[Symbol.asyncDispose]();
  await keystone?.remove();
});

const passwordOf = (user: string) => passwords.get(user) ?? "";

/** What the `openstack` command writes for a user who logs in at Keystone, or what it says when it fails. */
async function openstack(user: string, ...args: readonly string[]): Promise<string> {
  const env = {
    ...{ PATH: `/usr/bin:${process.env.PATH}`, LANG: "C.UTF-8", OS_AUTH_URL: keystone.url },
    ...{ OS_USERNAME: user, OS_PASSWORD: passwordOf(user), OS_PROJECT_NAME: "night" },
    ...{ OS_USER_DOMAIN_NAME: "Default", OS_PROJECT_DOMAIN_NAME: "Default", OS_COMPUTE_API_VERSION: "2.80" },
  };
  try {
    return (await runCommand("openstack", args, { env })).stdout.trim();
  } catch (error) {
    if (error instanceof TestkitError) return String(error.details.stderr).trim();
    throw error;
  }
}

const tokenOf = (user: string) => keystone.issueToken(user, passwordOf(user), "night");

/** As the `drover` command does. */
async function ask(token: string) {
  const response = await fetch(`${plane.url}/v1/hosts`, { headers: { authorization: `Bearer ${token}` } });
  return { status: response.status, text: await response.text(), challenge: response.headers.get("www-authenticate") };
}

it("a user of Keystone may here what the user's roles there stand for", { timeout: 60_000 }, async () => {
  const [listed, refused] = await Promise.all([
    openstack("rita", "server", "list", "-f", "value", "-c", "Name"),
    openstack("rita", "server", "migrate", "--live-migration", "web"),
  ]);
  expect(listed).toBe("web");
  expect(refused).toMatch(/needs the role operator.*HTTP 403/);
  expect((await plane.client.migrations()).migrations).toEqual([]);
  expect(await openstack("olga", "server", "migrate", "--live-migration", "web")).toBe("");
  const [migration] = (await plane.client.migrations()).migrations;
  expect(migration?.requestedBy).toBe("olga");
  expect((await untilMigration(plane.client, migration?.id ?? 0, "over", isOver)).state).toBe("completed");
  const [entry] = await plane.store.audit.list({ action: "live_migrate_instance" });
  expect(entry).toMatchObject({ userId: "olga", role: "operator", tokenId: expect.stringMatching(/^keystone:./) });
});

it("a token that was revoked, or is none, gets 401 and where to get one", async () => {
  const token = await tokenOf("rita");
  expect((await ask(token)).status).toBe(200);
  await keystone.revokeToken(token);
  const challenge = `Bearer realm="Drover", Keystone uri="${keystone.url}"`;
  expect(await ask(token)).toMatchObject({ status: 401, challenge });
  expect(await ask("gAAAAAB_none")).toMatchObject({
    status: 401,
    text: expect.stringContaining("not known"),
    challenge,
  });
});

it("without Keystone its tokens get 503, and Drover's own go on", async () => {
  const token = await tokenOf("rita");
  await keystone.stop();
  expect(await ask(token)).toMatchObject({ status: 503, text: expect.stringContaining("Keystone") });
  expect((await ask(plane.token)).status).toBe(200);
});
