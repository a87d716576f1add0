import {
  type LoggedRequest,
  type Migration,
  type MigrationLogEntry,
  type ServerAction,
  type ServerActionName,
  TERMINAL,
} from "@drover/model";
import { type InstanceEvent, liveMigrationEvents } from "./instance-events.ts";

/** Something that was asked for a server, and what came of it. */
export interface InstanceAction {
  readonly action: "live-migration" | "live_migration_cancel" | "live_migration_force_complete" | ServerActionName;
  readonly requestId: string;
  readonly userId: string;
  /** Null where whoever asked said none. */
  readonly projectId: string | null;
  readonly serverUuid: string;
  readonly startedAt: Date;
  readonly updatedAt: Date;
  /** The newest first. */
  readonly events: readonly InstanceEvent[];
}

/** What an operator may ask of a migration: the word for it in the log, and Nova's names for the action and its event. */
const REQUESTS = [
  { word: "abort", action: "live_migration_cancel", event: "compute_live_migration_abort" },
  {
    word: "force-complete",
    action: "live_migration_force_complete",
    event: "compute_live_migration_force_complete",
  },
] as const;

type Request = (typeof REQUESTS)[number];

/** Nova's names for their only stage: its API sets and takes a lock, its compute service does the rest. */
const EVENTS = {
  lock: "api_lock",
  unlock: "api_unlock",
  pause: "compute_pause_instance",
  unpause: "compute_unpause_instance",
} as const satisfies Readonly<Record<ServerActionName, string>>;

/** All that was asked for a server, the newest first, from its migrations with their logs, and from its other actions. */
export function instanceActions(
  migrations: readonly Migration[],
  log: readonly MigrationLogEntry[],
  others: readonly ServerAction[],
): readonly InstanceAction[] {
  const logOf = Map.groupBy(log, (entry) => entry.migrationUuid);
  return migrations
    .flatMap((migration) => actionsOf(migration, logOf.get(migration.uuid) ?? []))
    .concat(others.map(otherAction))
    .sort((a, b) => b.startedAt.getTime() - a.startedAt.getTime());
}

function actionsOf(migration: Migration, log: readonly MigrationLogEntry[]): readonly InstanceAction[] {
  const { requestId, requestedBy, createdAt } = migration;
  const asked = REQUESTS.flatMap((request) =>
    log.flatMap((entry, index) => {
      if (entry.request === null || !isAbout(entry, request)) return [];
      const event = eventOf(request, migration, entry, log.slice(index + 1));
      return action(request.action, migration, entry.request, entry.at, [event]);
    }),
  );
  const events = liveMigrationEvents(migration, log);
  return [...asked.reverse(), action("live-migration", migration, { requestId, requestedBy }, createdAt, events)];
}

function otherAction({ id: _, host, finishedAt, error, ...action }: ServerAction): InstanceAction {
  const { startedAt } = action;
  const result = finishedAt === null ? null : error === null ? "Success" : "Error";
  const event = { event: EVENTS[action.action], host, startedAt, finishedAt, result, details: error } as const;
  return { ...action, updatedAt: finishedAt ?? startedAt, events: [event] };
}

function isAbout({ event }: MigrationLogEntry, { word }: Request): boolean {
  return event === `${word} requested` || event === `${word} refused`;
}

/** What came of one request: its answer stands before the next one of its kind. */
function eventOf(
  request: Request,
  migration: Migration,
  asked: MigrationLogEntry,
  following: readonly MigrationLogEntry[],
): InstanceEvent {
  const { word, event } = request;
  const common = { event, host: migration.sourceHost, startedAt: asked.at };
  const failed = ({ at, message }: MigrationLogEntry) =>
    ({ ...common, finishedAt: at, result: "Error", details: message }) as const;
  if (asked.event === `${word} refused`) return failed(asked);
  const again = following.findIndex((later) => later.request !== null && isAbout(later, request));
  const answers = again === -1 ? following : following.slice(0, again);
  const refused = answers.find((entry) => entry.event === `${word}-refused`);
  if (refused !== undefined) return failed(refused);
  const end = [asked, ...following].find((entry) => TERMINAL.has(entry.state));
  const sent = answers.find((entry) => entry.event === `${word}-sent`);
  // That libvirt took an abort is not its success yet: the guest may have arrived before.
  const success = word === "abort" ? (end?.state === "cancelled" ? end : undefined) : sent;
  if (success !== undefined) return { ...common, finishedAt: success.at, result: "Success", details: null };
  if (end === undefined) return { ...common, finishedAt: null, result: null, details: null };
  const details = `too late: the migration had ${end.state} when it took effect`;
  return { ...common, finishedAt: end.at, result: "Error", details };
}

function action(
  name: InstanceAction["action"],
  { projectId, serverUuid }: Migration,
  { requestId, requestedBy }: LoggedRequest,
  startedAt: Date,
  events: readonly InstanceEvent[],
): InstanceAction {
  const times = events.map(({ startedAt: begin, finishedAt }) => (finishedAt ?? begin).getTime());
  const updatedAt = new Date(Math.max(startedAt.getTime(), ...times));
  return { action: name, requestId, userId: requestedBy, projectId, serverUuid, startedAt, updatedAt, events };
}
