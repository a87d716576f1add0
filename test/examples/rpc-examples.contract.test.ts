/** The programs in examples/rpc, run as their README says, over a real broker and a Drover with simulated hosts. */
import { fileURLToPath } from "node:url";
import type { MigrationView } from "@drover/api-client";
import { defineCast, openAmqpBus } from "@drover/bus";
import { type RealService, runCommand, startNats, startRabbitMq, TestkitError, waitFor } from "@drover/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type StandaloneFolders,
  type StandaloneProcess,
  standaloneFolders,
} from "../integration/standalone-process.ts";
import { isWatched, untilMigration, untilServerIsOn } from "../integration/watching.ts";

const folder = fileURLToPath(new URL("../../examples/rpc", import.meta.url));
/** Debian's: another in the path would not see python3-oslo.messaging. */
const python = { command: "/usr/bin/python3", folder: `${folder}/python` } as const;
const typescript = { command: process.execPath, folder: `${folder}/typescript` } as const;

let broker: RealService;
let folders: StandaloneFolders;
let drover: StandaloneProcess;

/** All of Drover in one process, its bus the broker's. */
async function startPlane(driver: "amqp" | "nats"): Promise<void> {
  broker = driver === "amqp" ? await startRabbitMq() : await startNats();
  folders = await standaloneFolders({ DROVER_BUS_DRIVER: driver, DROVER_BUS_URL: broker.url });
  drover = await folders.start();
  await waitFor("every server to be reported", async () => (await drover.client.servers()).servers.length === 7);
}

async function endPlane(): Promise<void> {
  await drover?.[Symbol.asyncDispose]();
  await folders?.[Symbol.asyncDispose]();
  await broker?.remove();
}

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
  const env = { PATH: process.env.PATH, LANG: "C.UTF-8", PYTHONDONTWRITEBYTECODE: "1", DROVER_BUS_URL: broker.url };
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
    async () => (await drover.client.server(name)).server.migration ?? undefined,
  );
  return await untilMigration(drover.client, reference.id, "copying", isWatched);
}

/** A copy has to run to its end, on a machine that other tests share. */
describe.each([
  { name: "Python over RabbitMQ", driver: "amqp", language: python, end: "py", list: "list_servers.py" },
  { name: "TypeScript over RabbitMQ", driver: "amqp", language: typescript, end: "ts", list: "list-servers.ts" },
  { name: "TypeScript over NATS", driver: "nats", language: typescript, end: "ts", list: "list-servers.ts" },
] as const)("the examples in $name", { timeout: 90_000 }, ({ driver, language, end, list }) => {
  beforeAll(() => startPlane(driver));
  afterAll(endPlane);

  const migrate = (...args: string[]) => run(language, `migrate.${end}`, args);
  const steer = (...args: string[]) => run(language, `steer.${end}`, args);

  it("list the servers, each with its host", async () => {
    const { servers } = await drover.client.servers();
    const all = await run(language, list, []);
    expect(all).toMatchObject({ exitCode: 0, stderr: "" });
    const lines = servers.map(({ name, host, powerState }) => `${name}\t${host}\t${powerState}\t-\n`);
    expect(all.stdout).toBe(lines.join(""));
    const [first] = servers;
    const some = await run(language, list, ["--host", first?.host ?? ""]);
    expect(some.stdout.trim().split("\n")).toHaveLength(servers.filter(({ host }) => host === first?.host).length);
  });

  it("move a server and poll until it has arrived", async () => {
    const { server } = await drover.client.server("web-1");
    const { exitCode, stdout, stderr } = await migrate("web-1");
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toMatch(/migration \d+ of web-1 is completed\n$/);
    const { migrations } = await drover.client.migrations({ server: "web-1", limit: 1 });
    expect(migrations).toMatchObject([{ state: "completed", sourceHost: server.host }]);
    await untilServerIsOn(drover.client, "web-1", migrations[0]?.destinationHost ?? "");
  });

  it("call a copy that never converges off; the server stays", async () => {
    const { server } = await drover.client.server("busy");
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
    expect((await drover.client.migration(id)).migration).toMatchObject({ state: "cancelled" });
    await untilServerIsOn(drover.client, "busy", server.host);
  });

  it("hurry a copy that never converges; the server arrives", async () => {
    const watching = migrate("busy");
    const { id, destinationHost } = await untilCopying("busy");
    expect((await steer("force-complete", String(id))).stdout).toBe(`force-complete of migration ${id}: accepted\n`);
    expect(await watching).toMatchObject({ exitCode: 0, stderr: "" });
    await untilServerIsOn(drover.client, "busy", destinationHost ?? "");
    expect(await steer("force-complete", String(id))).toMatchObject({
      exitCode: 1,
      stdout: "",
      stderr: expect.stringMatching(new RegExp(`^refused: migration ${id} of busy: `)),
    });
  });

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
});

describe("the mistake of another service", () => {
  beforeAll(() => startPlane("amqp"));
  afterAll(endPlane);

  it("is a parked message, which drover shows and throws away", async () => {
    const unknown = defineCast({
      topic: "conductor",
      method: "no_such_method",
      version: "1.0",
      access: "request",
      request: { parse: () => ({}) },
    });
    const bus = openAmqpBus({ urls: [broker.url], name: "another-service" });
    try {
      await bus.cast(unknown, {}, { context: { requestId: "req-42" } });
      const [parked] = await waitFor("it to be parked", async () => {
        const list = (await drover.client.parked()).parked;
        return list.length > 0 ? list : undefined;
      });
      expect(parked).toMatchObject({
        queue: "conductor",
        method: "no_such_method",
        requestId: "req-42",
        reason: { code: "bad-request", message: expect.stringContaining("no_such_method") },
      });
      const id = parked?.id ?? "";
      expect(await drover.client.discardParked(id)).toEqual({ id, released: "discarded" });
      expect((await drover.client.parked()).parked).toEqual([]);
    } finally {
      await bus.close();
    }
  });
});
