import { chmodSync, statSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { rootCertificates } from "node:tls";
import { parse } from "smol-toml";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runCli } from "../run-cli.ts";
import { capturedIo } from "../testing/captured-io.ts";
import { openScriptedApi, refusal, type ScriptedApi } from "../testing/scripted-api.ts";

const script = { "GET /v1/hosts": { body: { hosts: [] } } };
let folder: string;
let api: ScriptedApi;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "drover-login-"));
  api = await openScriptedApi(script);
});
afterEach(async () => {
  await api.close();
  await rm(folder, { recursive: true });
});

const file = () => join(folder, "drover", "contexts.toml");

async function drover(argv: readonly string[], options: { env?: Record<string, string>; secret?: string } = {}) {
  const env = { XDG_CONFIG_HOME: folder, DROVER_DATA_DIR: folder, ...options.env };
  const io = capturedIo(env, undefined, options.secret);
  const code = await runCli(argv, io);
  return { code, out: io.out(), err: io.err(), asked: io.asked };
}

test("login asks for a token, tries it, and keeps it for its owner alone", async () => {
  const { code, out, asked } = await drover(["login", `${api.url}/`, "--name", "prod"], { secret: "drv_typed\n" });
  expect({ code, out, asked }).toEqual({
    code: 0,
    out: `logged in to ${api.url} as context prod\n`,
    asked: [`Token for ${api.url}: `],
  });
  expect(api.authorizations).toEqual(["Bearer drv_typed"]);
  expect(statSync(file()).mode & 0o777).toBe(0o600);

  expect((await drover(["host", "list"])).code).toBe(0);
  expect(api.authorizations.at(-1)).toBe("Bearer drv_typed");
});

test("a token that does not work is not kept, and the line says what to do", async () => {
  const closed = await openScriptedApi({ "GET /v1/hosts": refusal(401, "unauthenticated", "the token is unknown") });
  const { code, err } = await drover(["login", closed.url, "--token", "drv_wrong"]);
  await closed.close();
  expect(code).toBe(4);
  expect(err).toBe(
    "drover: the token is unknown; log in with `drover login URL`, or name a token with --token or DROVER_TOKEN\n",
  );
  expect((await drover(["context", "list", "-o", "json"])).out).toBe('{"contexts":[]}\n');
});

test("no token at all is a mistake of the command line, and so is what is no URL", async () => {
  expect(await drover(["login", api.url])).toMatchObject({
    code: 2,
    err: expect.stringContaining("no token was given"),
  });
  expect(await drover(["login", "drover.example:8774"])).toMatchObject({
    code: 2,
    err: expect.stringContaining("must be a URL that begins with http:// or https://"),
  });
});

test("a Drover on this machine needs none: its owner's is used, and not kept twice", async () => {
  await writeFile(join(folder, "local-admin.token"), "drv_local\n");
  expect((await drover(["login", api.url, "--name", "here"])).code).toBe(0);
  expect(await readFile(file(), "utf8")).not.toContain("drv_");
  await drover(["host", "list"]);
  expect(api.authorizations).toEqual(["Bearer drv_local", "Bearer drv_local"]);
});

test("beyond this machine it sends no token in the clear unless told to", async () => {
  const refused = await drover(["login", "http://drover.example:8774", "--token", "drv_a"]);
  expect(refused).toMatchObject({ code: 2, err: expect.stringContaining("https://, or say --insecure") });
  const told = await drover(["login", "http://drover.invalid:8774", "--token", "drv_a", "--insecure"]);
  expect(told.err).not.toContain("--insecure");
  expect((await drover(["context", "list", "-o", "json"])).out).toBe('{"contexts":[]}\n');
});

test("the authority's file is kept with the context, by a path that holds from everywhere", async () => {
  const [pem] = rootCertificates;
  await writeFile(join(folder, "ca.pem"), pem ?? "");
  const path = relative(process.cwd(), join(folder, "ca.pem"));
  expect((await drover(["--cacert", path, "login", api.url, "--name", "prod", "--token", "drv_a"])).code).toBe(0);
  expect(parse(await readFile(file(), "utf8"))).toMatchObject({
    contexts: { prod: { cacert: join(folder, "ca.pem") } },
  });
  expect((await drover(["host", "list"])).code).toBe(0);
  expect((await drover(["openrc"])).out).toContain(`OS_CACERT='${join(folder, "ca.pem")}'`);
  await rm(join(folder, "ca.pem"));
  expect(await drover(["host", "list"])).toMatchObject({ code: 2, err: expect.stringContaining("ca.pem") });
});

test("an option goes before the environment, and that before the context in use", async () => {
  await drover(["login", api.url, "--name", "a", "--token", "drv_a"]);
  const other = await openScriptedApi(script);
  await drover(["login", other.url, "--name", "b", "--token", "drv_b"]);
  const count = () => [api.requests.length, other.requests.length];
  expect(count()).toEqual([1, 1]);
  await drover(["host", "list"]);
  expect(count()).toEqual([1, 2]);
  await drover(["host", "list"], { env: { DROVER_URL: api.url, DROVER_TOKEN: "drv_env" } });
  expect(api.authorizations.at(-1)).toBe("Bearer drv_env");
  await drover(["host", "list", "--url", other.url, "--token", "drv_option"], { env: { DROVER_URL: api.url } });
  expect(other.authorizations.at(-1)).toBe("Bearer drv_option");
  // The token of a context is for its own address.
  await drover(["host", "list", "--url", api.url]);
  expect(api.authorizations.at(-1)).toBeUndefined();
  await other.close();
});

test("contexts are listed without their tokens, chosen, and forgotten", async () => {
  await drover(["login", api.url, "--name", "a", "--token", "drv_a"]);
  await drover(["login", api.url, "--name", "b", "--token", "drv_b"]);
  const listed = await drover(["context", "list"]);
  expect(listed.out).toMatch(/^CONTEXT +URL +USED\na +http\S+ +-\nb +http\S+ +yes\n$/);
  expect((await drover(["context", "use", "a"])).code).toBe(0);
  await drover(["host", "list"]);
  expect(api.authorizations.at(-1)).toBe("Bearer drv_a");
  const unknown = await drover(["context", "use", "c"]);
  expect(unknown).toMatchObject({ code: 3, err: "drover: there is no context c; there are: a, b\n" });
  expect((await drover(["context", "delete", "a", "--json"])).out).toBe('{"deleted":"a"}\n');
  expect(await readFile(file(), "utf8")).not.toMatch(/drv_a|current/);
});

test("a file that others may read, or that is none of ours, is refused with the remedy", async () => {
  await drover(["login", api.url, "--name", "a", "--token", "drv_a"]);
  chmodSync(file(), 0o644);
  expect(await drover(["context", "list"])).toMatchObject({
    code: 2,
    err: expect.stringContaining(`chmod 600 ${file()}`),
  });
  chmodSync(file(), 0o600);
  await writeFile(file(), "contexts = 7\n");
  const { code, err } = await drover(["host", "list"]);
  expect(code).toBe(2);
  expect(err).toContain("(contexts is no table); mend it, or delete it and log in again");
  expect((await drover(["host", "list"], { env: { DROVER_URL: api.url } })).code).toBe(0);
});

test("where there is no folder for it, that is said", async () => {
  const io = capturedIo({ DROVER_DATA_DIR: folder });
  expect(await runCli(["login", api.url, "--token", "drv_a"], io)).toBe(2);
  expect(io.err()).toContain("set XDG_CONFIG_HOME, or HOME");
});
