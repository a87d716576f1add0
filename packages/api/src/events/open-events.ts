import { type Fleet, type MigrationViews, viewChange, viewLogEntry, viewMigration } from "@drover/fleet";
import { type Clock, IN_PROGRESS, type MigrationLogEntry, TERMINAL } from "@drover/model";
import type { Store } from "@drover/store";
import type { FastifyReply } from "fastify";
import type { AccessControl } from "../auth/access-control.ts";
import type { HttpMetrics } from "../http-metrics.ts";
import type { EventHub, Subscription } from "./event-hub.ts";
import { EventStream } from "./event-stream.ts";
import { RETRY, sseFrame } from "./sse-frame.ts";

/** Lines of the log that are read at once for a reader. */
const PAGE_ROWS = 200;
/** Readers that come within so long are given the same snapshot, ms. */
const SNAPSHOT_MS = 1_000;
const MAX_IN_PROGRESS = 10_000;

export interface EventSources {
  readonly hub: EventHub;
  readonly store: Pick<Store, "migrations">;
  readonly fleet: Fleet;
  readonly migrations: MigrationViews;
  readonly clock: Clock;
  readonly access: AccessControl;
  readonly metrics: Pick<HttpMetrics, "streamCut"> | undefined;
}

/** Turns requests into event streams. */
export interface EventOpener {
  /**
   * Of one migration. It ends when the migration is over; who comes again then is answered 204, after which browsers do not.
   *
   * @throws {DroverError} `not-found`; `unavailable`. Nothing has been answered then.
   */
  openMigration(reply: FastifyReply, reference: string, lastId: number | undefined): Promise<void>;
  /** Of all migrations. @throws {DroverError} `unavailable` */
  openFleet(reply: FastifyReply, lastId: number | undefined, progress: boolean): Promise<void>;
}

export function eventOpener(sources: EventSources): EventOpener {
  const { hub, store, fleet, migrations, access, metrics } = sources;
  const snapshots = fleetSnapshots(sources);

  async function join(reply: FastifyReply, wanted: Pick<Subscription, "migrationUuid" | "progress">) {
    const stream = new EventStream(reply.raw, () => metrics?.streamCut());
    const { request } = reply;
    const token = { isStillLetIn: () => access.isStillLetIn(request), hasOwnToken: access.isOwn(request) };
    const subscription = { ...wanted, ...token, stream };
    return { subscription, stream, upToId: await hub.join(subscription) };
  }

  /**
   * A change with the id was told in this log. One that this process has not heard of yet was told by another API; one that
   * nobody has is from before the database was put back from a backup.
   */
  async function isKept(id: number, upToId: number, wanted?: "and all after it"): Promise<boolean> {
    if (id <= upToId && wanted === undefined) return true;
    const bounds = await store.migrations.logBounds();
    const newestId = Math.max(upToId, bounds?.newestId ?? 0);
    return id <= newestId && (wanted === undefined || id + 1 >= (bounds?.oldestId ?? 0));
  }

  return {
    openMigration: async (reply, reference, lastId) => {
      const { uuid } = await fleet.findMigration(reference);
      const { subscription, stream, upToId } = await join(reply, { migrationUuid: uuid, progress: true });
      try {
        const known = lastId !== undefined && (await isKept(lastId, upToId));
        const lines = (await store.migrations.readLog(uuid)).filter(({ id }) => id <= upToId);
        const isOver = lines.some(({ state }) => TERMINAL.has(state));
        const missed = known ? lines.filter(({ id }) => id > lastId) : [];
        if (known && isOver && missed.length === 0) {
          hub.leave(subscription);
          await reply.code(204).send();
          return;
        }
        const frames = known
          ? await changeFrames(sources, missed)
          : [sseFrame("snapshot", { ...(await migrations.detail(uuid)), log: lines.map(viewLogEntry) }, upToId)];
        if (isOver) stream.endOnceLive();
        begin(reply);
        for (const frame of frames) await stream.opening(frame);
        stream.goLive(known ? Math.max(lastId, upToId) : upToId);
      } catch (error) {
        hub.leave(subscription);
        throw error;
      }
    },
    openFleet: async (reply, lastId, progress) => {
      const { subscription, stream, upToId } = await join(reply, { migrationUuid: undefined, progress });
      try {
        const known = lastId !== undefined && (await isKept(lastId, upToId, "and all after it"));
        const snapshot = known ? undefined : await snapshots(upToId, lastId !== undefined);
        begin(reply);
        if (snapshot !== undefined) await stream.opening(snapshot.frame);
        await replay(sources, stream, snapshot?.position ?? lastId ?? upToId, upToId);
        stream.goLive(known ? Math.max(lastId, upToId) : upToId);
      } catch (error) {
        hub.leave(subscription);
        if (!reply.sent) throw error;
        // What was begun cannot be answered with an error any more: the reader comes again with the last id that it has.
        stream.end();
      }
    },
  };
}

/** From here on the answer is ours to write. */
function begin(reply: FastifyReply): void {
  reply.hijack();
  const headers = Object.entries(reply.getHeaders()).filter(([, value]) => value !== undefined);
  reply.raw.writeHead(200, {
    ...Object.fromEntries(headers),
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store, no-transform",
    // nginx would gather what it passes on.
    "x-accel-buffering": "no",
  });
  reply.raw.write(RETRY);
}

async function replay(
  sources: Pick<EventSources, "store" | "clock">,
  stream: EventStream,
  fromId: number,
  upToId: number,
): Promise<void> {
  for (let afterId = fromId; stream.isOpen; ) {
    const lines = await sources.store.migrations.readLogRange({ afterId, upToId, limit: PAGE_ROWS });
    for (const frame of await changeFrames(sources, lines)) await stream.opening(frame);
    const last = lines.at(-1);
    if (last === undefined || lines.length < PAGE_ROWS) return;
    afterId = last.id;
  }
}

async function changeFrames(
  { store, clock }: Pick<EventSources, "store" | "clock">,
  lines: readonly MigrationLogEntry[],
): Promise<readonly Buffer[]> {
  const records = await store.migrations.getMany([...new Set(lines.map(({ migrationUuid }) => migrationUuid))]);
  return lines.flatMap((line) => {
    const migration = records.get(line.migrationUuid);
    return migration === undefined ? [] : [sseFrame("change", viewChange(line, migration, clock.now()), line.id)];
  });
}

interface Snapshot {
  /** Id of the last change that it is sure to hold. */
  readonly position: number;
  readonly frame: Buffer;
}

/** How all migrations in progress stand. A thousand readers that come at once cost one question and one text. */
function fleetSnapshots({ store, clock }: EventSources): (upToId: number, missed: boolean) => Promise<Snapshot> {
  let newest: { readonly atMs: number; readonly position: number; readonly snapshot: Promise<Snapshot> } | undefined;

  async function take(position: number, missed: boolean): Promise<Snapshot> {
    const records = await store.migrations.list({ states: [...IN_PROGRESS], limit: MAX_IN_PROGRESS });
    const migrations = records.map((migration) => viewMigration(migration, undefined, undefined));
    return { position, frame: sseFrame("snapshot", { migrations, missed }, position) };
  }

  return (upToId, missed) => {
    // Rare, and after a restored database, when nothing that is kept holds.
    if (missed) return take(upToId, missed);
    const nowMs = clock.monotonicMs();
    if (newest === undefined || nowMs - newest.atMs > SNAPSHOT_MS || newest.position > upToId) {
      const snapshot = take(upToId, missed);
      newest = { atMs: nowMs, position: upToId, snapshot };
      snapshot.catch(() => {
        newest = undefined;
      });
    }
    return newest.snapshot;
  };
}
