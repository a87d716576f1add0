/** The programs in examples/rpc, run as their README says, over a real broker and a Drover with simulated hosts. */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { MigrationView } from "@drover/api-client";
import { runCommand, TestkitError, waitFor } from "@drover/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { guideScript } from "../guides/shell-blocks.ts";
import { type BrokerPlane, startBrokerPlane } from "../integration/broker-plane.ts";
import { isWatched, untilMigration, untilServerIsOn } from "../integration/watching.ts";

const checkout = fileURLToPath(new URL("../..", import.meta.url));
const folder = `${checkout}examples/rpc`;
/** Debian's: another in the path would not see python3-oslo.messaging. */
const python = { command: "/usr/bin/python3", folder: `${folder}/python` } as const;
const typescript = { command: process.execPath, folder: `${folder}/typescript` } as const;

/** The broker's address in docs/guides/rpc.md. */
const WRITTEN_FOR = "amqp://drover:secret@127.0.0.1:5672/";

let plane: BrokerPlane;

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, whichever that is. */
async function run(
  language: { readonly command: string; readonly folder: string },
  program: string,
  args: readonly string[],
): Promise<Ended> {
  const env = {
    PATH: process.env.PATH,
    LANG: "C.UTF-8",
    PYTHONDONTWRITEBYTECODE: "1",
    DROVER_BUS_URL: plane.broker.url,
  };
  try {
    return {
      exitCode: 0,
      ...(await runCommand(language.command, [`${language.folder}/${program}`, ...args], { env })),
    };
  } catch (error) {
    if (!(error instanceof TestkitError)) throw error;
    const { exitCode, stdout, stderr } = error.details;
    if (typeof exitCode !== "number") throw error;
    return { exitCode, stdout: String(stdout), stderr: String(stderr) };
  }
}

/** The server's migration, once it copies. */
async function untilCopying(name: string): Promise<MigrationView> {
  const reference = await waitFor(
    `${name} to be migrating`,
    async () => (await plane.client.server(name)).server.migration ?? undefined,
  );
  return await untilMigration(plane.client, reference.id, "copying", isWatched);
}

/** The examples in one language, over one driver of the bus. */
export interface RpcExamples {
  readonly language: "Python" | "TypeScript";
  readonly driver: "amqp" | "nats";
}

const programs = {
  Python: { ...python, end: "py", list: "list_servers.py" },
  TypeScript: { ...typescript, end: "ts", list: "list-servers.ts" },
} as const;

/** A file of its own for each: they run side by side. A copy has to run to its end, on a machine that other tests share. */
export function describeRpcExamples(examples: RpcExamples): void {
  describe(`the examples in ${examples.language} over ${examples.driver}`, { timeout: 90_000 }, () => tests(examples));
}

function tests({ language: name, driver }: RpcExamples): void {
  const language = programs[name];
  const { end, list } = language;
  beforeAll(async () => {
    plane = await startBrokerPlane(driver);
  });
  afterAll(() => plane?.[Symbol.asyncDispose]());

  const migrate = (...args: string[]) => run(language, `migrate.${end}`, args);
  const steer = (...args: string[]) => run(language, `steer.${end}`, args);

  it("list the servers, each with its host", async () => {
    const { servers } = await plane.client.servers();
    const all = await run(language, list, []);
    expect(all).toMatchObject({ exitCode: 0, stderr: "" });
    const lines = servers.map(({ name, host, powerState }) => `${name}\t${host}\t${powerState}\t-\n`);
    expect(all.stdout).toBe(lines.join(""));
    const [first] = servers;
    const some = await run(language, list, ["--host", first?.host ?? ""]);
    expect(some.stdout.trim().split("\n")).toHaveLength(servers.filter(({ host }) => host === first?.host).length);
  });

  it("move a server and poll until it has arrived", async () => {
    const { server } = await plane.client.server("web-1");
    const { exitCode, stdout, stderr } = await migrate("web-1");
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toMatch(/migration \d+ of web-1 is completed\n$/);
    const { migrations } = await plane.client.migrations({ server: "web-1", limit: 1 });
    expect(migrations).toMatchObject([{ state: "completed", sourceHost: server.host }]);
    await untilServerIsOn(plane.client, "web-1", migrations[0]?.destinationHost ?? "");
  });

  it("call a copy that never converges off; the server stays", async () => {
    const { server } = await plane.client.server("busy");
    const watching = migrate("busy");
    const { id } = await untilCopying("busy");
    expect(await steer("abort", String(id))).toMatchObject({
      exitCode: 0,
      stdout: `abort of migration ${id}: accepted\n`,
    });
    const { exitCode, stdout } = await watching;
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/ is running, \d+ MiB left, pass \d+\n/);
    expect(stdout).toMatch(new RegExp(`migration ${id} of busy is cancelled: `));
    expect((await plane.client.migration(id)).migration).toMatchObject({ state: "cancelled" });
    await untilServerIsOn(plane.client, "busy", server.host);
  });

  it("hurry a copy that never converges; the server arrives", async () => {
    const watching = migrate("busy");
    const { id, destinationHost } = await untilCopying("busy");
    expect((await steer("force-complete", String(id))).stdout).toBe(`force-complete of migration ${id}: accepted\n`);
    expect(await watching).toMatchObject({ exitCode: 0, stderr: "" });
    await untilServerIsOn(plane.client, "busy", destinationHost ?? "");
    expect(await steer("force-complete", String(id))).toMatchObject({
      exitCode: 1,
      stdout: "",
      stderr: expect.stringMatching(new RegExp(`^refused: migration ${id} of busy: `)),
    });
  });

  if (name === "Python") {
    it("are run by the guide's commands", async () => {
      const script = (await guideScript("rpc.md")).replaceAll(WRITTEN_FOR, plane.broker.url);
      const env = { PATH: `${dirname(process.execPath)}:/usr/bin:/bin`, LANG: "C.UTF-8", PYTHONDONTWRITEBYTECODE: "1" };
      await runCommand("bash", ["-c", script], { env, cwd: checkout, deadlineMs: 80_000 });
    });
  }

  it("end with Drover's own words when it says no", async () => {
    expect(await migrate("nobody")).toMatchObject({
      exitCode: 1,
      stdout: "",
      stderr: "not-found: there is no server nobody\n",
    });
    expect(await migrate("web-1", "--to", "nowhere")).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^not-found: .*nowhere/),
    });
  });
}
