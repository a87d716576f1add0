/**
 * For tests of whatever reads a fleet: one in a real SQLite store and memory progress, `hosta` with vm1, vm2 and vm3 (shut
 * off), and `hostb`, empty.
 */
import {
  defaultPolicy,
  type HostFacts,
  type Migration,
  type MigrationProgress,
  type ObservedGuest,
  silentLogger,
  systemClock,
} from "@drover/model";
import { openMemoryProgress, type ProgressCache } from "@drover/progress";
import { openSqliteStore, type Store } from "@drover/store";

export const S1 = "11111111-1111-4111-8111-111111111111";
export const S2 = "22222222-2222-4222-8222-222222222222";
export const S3 = "33333333-3333-4333-8333-333333333333";

export interface SampleFleet extends AsyncDisposable {
  readonly store: Store;
  readonly progress: ProgressCache;
  /** Records a migration of `serverUuid` from hosta, queued. */
  queued(serverUuid: string, requestedHost?: string | null): Promise<Migration>;
  /** The same, copying to hostb. */
  running(serverUuid: string): Promise<Migration>;
  move(migration: Migration, change: Parameters<Store["migrations"]["update"]>[2]): Promise<Migration>;
}

export async function openSampleFleet(): Promise<SampleFleet> {
  const store = await openSqliteStore({ path: ":memory:", clock: systemClock, logger: silentLogger });
  const progress = openMemoryProgress({ clock: systemClock, logger: silentLogger });
  await store.hosts.report(sampleFacts("hosta", "1"), "0.1.0");
  await store.hosts.report(sampleFacts("hostb", "2"), "0.1.0");
  await store.guests.replaceSightings("hosta", [
    sampleGuest(S1, "vm1"),
    sampleGuest(S2, "vm2"),
    sampleGuest(S3, "vm3", { powerState: "shutoff" }),
  ]);
  await store.guests.replaceSightings("hostb", []);
  const move: SampleFleet["move"] = ({ uuid, state, generation }, change) =>
    store.migrations.update(uuid, { state, generation }, change);
  const queued = (serverUuid: string, requestedHost: string | null = null) =>
    store.migrations.create(
      {
        serverUuid,
        serverName: serverUuid === S1 ? "vm1" : "vm2",
        sourceHost: "hosta",
        requestedHost,
        memoryKiB: 512 * 1024,
        policy: defaultPolicy,
        step: "choose-destination",
        requestedBy: "admin",
        projectId: "admin",
        requestId: "req-1",
      },
      { event: "queued", message: "asked for by admin" },
    );
  return {
    store,
    progress,
    queued,
    running: async (serverUuid) => await move(await queued(serverUuid), { state: "running", destinationHost: "hostb" }),
    move,
    [Symbol.asyncDispose]: async () => {
      await progress.close();
      await store.close();
    },
  };
}

export function sampleGuest(uuid: string, name: string, change: Partial<ObservedGuest> = {}): ObservedGuest {
  const size = { vcpus: 1, memoryKiB: 512 * 1024 };
  return { uuid, name, powerState: "running", persistent: true, migrating: false, ...size, ...change };
}

export function sampleSnapshot(migrationUuid: string, change: Partial<MigrationProgress> = {}): MigrationProgress {
  return {
    migrationUuid,
    sequence: 1,
    observedAtMs: Date.now(),
    phase: "pre-copy",
    elapsedMs: 1000,
    memoryTotalBytes: 1000,
    memoryProcessedBytes: 600,
    memoryRemainingBytes: 400,
    memoryBytesPerSecond: 100,
    dirtyBytesPerSecond: 10,
    iteration: 1,
    diskTotalBytes: 0,
    diskProcessedBytes: 0,
    diskRemainingBytes: 0,
    expectedDowntimeMs: 10,
    downtimeLimitMs: 50,
    autoConvergeThrottlePercent: 0,
    downtimeMs: null,
    ...change,
  };
}

function sampleFacts(host: string, digit: string): HostFacts {
  return {
    host,
    hostUuid: `${digit.repeat(8)}-aaaa-4aaa-8aaa-aaaaaaaaaaaa`,
    hypervisorType: "QEMU",
    hypervisorVersion: 7_002_000,
    libvirtVersion: 9_000_000,
    cpuArch: "x86_64",
    cpuModel: "EPYC",
    cpus: 8,
    memoryKiB: 16 * 1024 * 1024,
    inboundAddress: `127.0.0.${digit}`,
    libvirtUri: `qemu+tcp://127.0.0.${digit}/system`,
  };
}
