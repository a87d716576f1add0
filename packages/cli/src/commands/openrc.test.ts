import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { EXIT } from "../exit-code.ts";
import { runCli } from "../run-cli.ts";
import { capturedIo } from "../testing/captured-io.ts";

const empty = mkdtempSync(join(tmpdir(), "drover-openrc-"));
afterAll(() => rmSync(empty, { recursive: true }));

async function openrc(env: Record<string, string>, ...options: string[]) {
  const io = capturedIo({ DROVER_DATA_DIR: empty, XDG_CONFIG_HOME: empty, ...env });
  const code = await runCli(["openrc", ...options], io);
  return { code, out: io.out(), err: io.err() };
}

test("a shell that evaluates it has what OpenStack's clients need, whatever is in the token", async () => {
  const token = 'it\'s $HOME `id` "q" \\ end';
  const { out } = await openrc({ DROVER_URL: "http://127.0.0.1:8774/", DROVER_TOKEN: token });
  const read =
    'eval "$1"; printf "%s\\n" "$OS_TOKEN" "$OS_ENDPOINT" "$OS_AUTH_TYPE" "$NOVA_PROJECT_ID" $OS_PROJECT_NAME';
  const env = { PATH: process.env.PATH, OS_PROJECT_NAME: "left over" };
  const lines = execFileSync("sh", ["-c", read, "sh", out], { env, encoding: "utf8" }).split("\n");
  expect(lines).toEqual([token, "http://127.0.0.1:8774/v2.1", "admin_token", "admin", ""]);
});

test("clouds.yaml has the same as a cloud", async () => {
  const env = { DROVER_URL: "https://drover.example:8774", DROVER_TOKEN: "drv_x" };
  expect((await openrc(env, "--clouds-yaml")).out).toBe(`clouds:
  "drover":
    auth_type: admin_token
    auth:
      endpoint: "https://drover.example:8774/v2.1"
      token: "drv_x"
    compute_api_version: "2.80"
    compute_default_microversion: "2.80"
`);
  expect((await openrc(env, "--clouds-yaml", "lab")).out).toContain('  "lab":\n');
});

test("without a token it says where to get one", async () => {
  expect(await openrc({})).toMatchObject({ code: EXIT.usage, out: "", err: expect.stringContaining("drover login") });
});
