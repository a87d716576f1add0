/**
 * Agents of many hosts, as far as progress goes: `publishing-agents.ts HOSTS MIGRATIONS_PER_HOST REDIS_URL`. Each host publishes the
 * numbers of all its migrations twice a second over the package that agents use; all share the process's connection. Writes
 * `{"ready":true}`, answers any line with what it has published, and ends with its standard input.
 */
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { type MigrationProgress, silentLogger } from "@drover/model";
import { openRedisProgress } from "@drover/progress";

const TICK_MS = 500;

const [hosts, perHost, url = ""] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4]];
const cache = await openRedisProgress({ url, logger: silentLogger });
const migrations = Array.from({ length: hosts * perHost }, (_, n) => ({
  migrationUuid: randomUUID(),
  host: `host-${process.pid}-${Math.floor(n / perHost)}`,
}));
const count = { published: 0, dropped: 0 };

for (let host = 0; host < hosts; host++) {
  const own = migrations.slice(host * perHost, (host + 1) * perHost).map(({ migrationUuid }) => migrationUuid);
  // Hosts do not tick together.
  setTimeout(() => keepPublishing(`host-${process.pid}-${host}`, own), (host / hosts) * TICK_MS);
}
say({ ready: true });
for await (const _ of createInterface({ input: process.stdin })) say({ ...count, migrations });
process.exit();

function keepPublishing(host: string, own: readonly string[]): void {
  let sequence = 0;
  let isPublishing = false;
  setInterval(async () => {
    sequence += 1;
    // As the agent does: what cannot be sent in time is dropped, and the next is newer.
    if (isPublishing) {
      count.dropped += own.length;
      return;
    }
    isPublishing = true;
    try {
      await cache.publish(
        host,
        own.map((uuid) => snapshot(uuid, sequence)),
      );
      count.published += own.length;
    } catch {
      count.dropped += own.length;
    } finally {
      isPublishing = false;
    }
  }, TICK_MS);
}

function snapshot(migrationUuid: string, sequence: number): MigrationProgress {
  return {
    ...{ migrationUuid, sequence, observedAtMs: Date.now(), phase: "pre-copy", elapsedMs: sequence * TICK_MS },
    ...{ memoryTotalBytes: 4_294_967_296, memoryProcessedBytes: sequence * 58_720_256 },
    ...{ memoryRemainingBytes: 1_073_741_824, memoryBytesPerSecond: 117_440_512, dirtyBytesPerSecond: 4_096 },
    ...{ iteration: 3, diskTotalBytes: 0, diskProcessedBytes: 0, diskRemainingBytes: 0 },
    ...{ expectedDowntimeMs: 300, downtimeLimitMs: 500, autoConvergeThrottlePercent: 0, downtimeMs: null },
  };
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
