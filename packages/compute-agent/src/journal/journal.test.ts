import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultPolicy, errorChain } from "@drover/model";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Journal } from "./journal.ts";
import type { EndedMigration, JournalEntry } from "./journal-entry.ts";

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "drover-journal-"));
  path = join(folder, "deep", "state.json");
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

function entry(migrationUuid: string): JournalEntry {
  return {
    migrationUuid,
    generation: 4,
    serverUuid: "11111111-1111-4111-8111-111111111111",
    serverName: "web",
    destinationHost: "h2",
    destination: { libvirtUri: "qemu+tcp://h2/system", inboundAddress: "h2" },
    memoryKiB: 524_288,
    policy: defaultPolicy,
    flags: [{ name: "VIR_MIGRATE_LIVE", reason: "the guest runs while its memory is copied" }],
    startedAtMs: 1_700_000_000_000,
    traceparent: null,
    incarnation: 0,
    suspended: false,
    stopped: null,
    stepsTaken: 0,
    steppedDowntimeMs: null,
    tuned: { bandwidthMiBps: null, downtimeMs: null },
    limitActed: false,
    ended: null,
    settled: false,
  };
}

function ended(atMs: number, acknowledged: boolean): EndedMigration {
  return { outcome: "arrived", cause: null, error: null, progress: null, acknowledged, atMs };
}

describe("Journal", () => {
  test("what was put is there after a restart", async () => {
    const journal = await Journal.open(path);
    await journal.put(entry("a"));
    await journal.update("a", { suspended: true });
    const volumes = [{ path: "/images/a", capacityBytes: 5, made: false }];
    await journal.putPrepared({
      migrationUuid: "b",
      serverUuid: "s",
      definedBefore: true,
      volumes,
      pools: ["targets"],
      disks: null,
      atMs: 1,
    });
    const again = await Journal.open(path);
    expect(again.get("a")).toEqual({ ...entry("a"), suspended: true });
    expect(again.prepared("b")).toMatchObject({ definedBefore: true, volumes, disks: null });
  });

  test("on return the file holds the change, whole, and nothing is left beside it", async () => {
    const journal = await Journal.open(path);
    await Promise.all(Array.from({ length: 20 }, (_, index) => journal.put(entry(`m${index}`))));
    const content = JSON.parse(await readFile(path, "utf8"));
    expect(content.migrations).toHaveLength(20);
    expect(await readdir(join(folder, "deep"))).toEqual(["state.json"]);
    expect((await stat(path)).mode & 0o077).toBe(0);
  });

  test("acknowledged ends are forgotten beyond 200, the oldest first; an unacknowledged one never", async () => {
    const journal = await Journal.open(path);
    await journal.put(entry("kept"));
    await journal.end("kept", ended(0, false));
    for (let index = 0; index <= 200; index += 1) {
      const done = journal.put(entry(`m${index}`));
      await Promise.all([done, journal.end(`m${index}`, ended(index + 1, true))]);
    }
    expect(journal.get("kept")).toBeDefined();
    expect(journal.get("m0")).toBeUndefined();
    expect(journal.get("m1")).toBeDefined();
    expect(journal.entries()).toHaveLength(201);
  });

  test.each([
    ["not JSON", "{\n\nno\n"],
    ["a later version", '{"version":2,"migrations":[],"prepared":[]}'],
    ["another file", '{"hello":"world"}'],
  ])("%s is refused with the remedy, not overwritten", async (_, text) => {
    path = join(folder, "state.json");
    await writeFile(path, text);
    await expect(Journal.open(path)).rejects.toMatchObject({ code: "bad-request" });
    await expect(Journal.open(path)).rejects.toThrow(/state_path/);
    const said = errorChain(await Journal.open(path).catch((error: unknown) => error));
    expect(said).toMatch(/move it away/);
    expect(said).toContain(path);
    expect(said).not.toContain("\n");
    expect(await readFile(path, "utf8")).toBe(text);
  });

  test("a file of the release before is read, and what this one adds has its default", async () => {
    const before = (uuid: string, over: boolean) => {
      const { settled: _, ...rest } = entry(uuid);
      return { ...rest, ended: over ? ended(1, true) : null };
    };
    path = join(folder, "state.json");
    const migrations = [before("a", false), before("over", true)];
    await writeFile(path, JSON.stringify({ version: 1, migrations, prepared: [] }));
    const journal = await Journal.open(path);
    expect(journal.get("a")).toEqual(entry("a"));
    // The release before had cleaned up what was acknowledged: it is not gone over again.
    expect(journal.get("over")?.settled).toBe(true);
    expect(journal.recordsSeenAtMs).toBe(0);
  });

  test("when the records were last written is kept, on disk within a minute", async () => {
    const journal = await Journal.open(path);
    await journal.noteRecords(100_000);
    await journal.noteRecords(130_000);
    await journal.noteRecords(120_000);
    expect(journal.recordsSeenAtMs).toBe(130_000);
    expect((await Journal.open(path)).recordsSeenAtMs).toBe(100_000);
    await journal.put(entry("a"));
    expect((await Journal.open(path)).recordsSeenAtMs).toBe(130_000);
  });

  test("a folder that cannot be written is named", async () => {
    await writeFile(join(folder, "deep"), "a file where the folder should be");
    const journal = await Journal.open(join(folder, "other", "state.json"));
    await journal.put(entry("a"));
    await expect(Journal.open(path)).rejects.toThrow(/state file/);
  });
});
