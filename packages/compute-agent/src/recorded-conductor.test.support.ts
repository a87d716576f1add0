import { type Bus, handle, type RpcServer } from "@drover/bus";
import {
  reportHeartbeat,
  reportHeldMigrations,
  reportHost,
  reportMigrationEvent,
  reportMigrationOutcome,
} from "@drover/contracts";
import { DroverError } from "@drover/model";

type HostReport = ReturnType<typeof reportHost.request.parse>;
type HeldReport = ReturnType<typeof reportHeldMigrations.request.parse>;
type EventReport = ReturnType<typeof reportMigrationEvent.request.parse>;
type OutcomeReport = ReturnType<typeof reportMigrationOutcome.request.parse>;

/** A conductor that takes every report and remembers it. */
export interface RecordedConductor {
  readonly hosts: HostReport[];
  readonly events: EventReport[];
  readonly outcomes: OutcomeReport[];
  heartbeats: number;
  /** Reports of migrations fail so many times more before they are taken. */
  failures: number;
  /** Outcomes fail so many times more, and events do not. */
  outcomeFailures: number;
  /** Migrations of which there is no record. */
  readonly unknown: Set<string>;
  /** What reports of hosts are answered. */
  newestSequence: number;
  /** What agents said they still hold. */
  readonly held: HeldReport[];
  /** What they are answered about each of it. */
  verdict: {
    readonly verdict: "in-progress" | "over" | "no-record";
    readonly runsElsewhere: boolean;
    readonly runsOn?: string | null;
  };
  /** What the next heartbeats are answered. */
  known: boolean;
  readonly server: RpcServer;
  eventNames(migrationUuid: string): readonly string[];
  outcome(migrationUuid: string): OutcomeReport | undefined;
  /** Guests of the newest report of that host. */
  guests(host: string): HostReport["guests"];
}

export async function recordConductor(bus: Bus): Promise<RecordedConductor> {
  const failIfAsked = ({ migrationUuid }: { readonly migrationUuid: string }): void => {
    if (recorded.unknown.has(migrationUuid)) throw new DroverError("not-found", `no migration ${migrationUuid}`);
    if (recorded.failures === 0) return;
    recorded.failures -= 1;
    throw new DroverError("unavailable", "the store is away");
  };
  const server = await bus.serve({
    topic: "conductor",
    server: "recorded",
    handlers: [
      handle(reportHost, async (request) => {
        recorded.hosts.push(request);
        return { recordedAtMs: 0, newestSequence: recorded.newestSequence };
      }),
      handle(reportHeartbeat, async () => {
        recorded.heartbeats += 1;
        return { known: recorded.known, recordedAtMs: 0 };
      }),
      handle(reportHeldMigrations, async (request) => {
        recorded.held.push(request);
        return { verdicts: request.held.map(({ migrationUuid }) => ({ migrationUuid, ...recorded.verdict })) };
      }),
      handle(reportMigrationEvent, async (request) => {
        failIfAsked(request);
        recorded.events.push(request);
        return {};
      }),
      handle(reportMigrationOutcome, async (request) => {
        failIfAsked(request);
        if (recorded.outcomeFailures > 0) {
          recorded.outcomeFailures -= 1;
          throw new DroverError("unavailable", "the store is away");
        }
        recorded.outcomes.push(request);
        return {};
      }),
    ],
  });
  const recorded: RecordedConductor = {
    hosts: [],
    events: [],
    outcomes: [],
    heartbeats: 0,
    failures: 0,
    outcomeFailures: 0,
    known: true,
    unknown: new Set(),
    newestSequence: 0,
    held: [],
    verdict: { verdict: "in-progress", runsElsewhere: false },
    server,
    eventNames: (uuid) => recorded.events.filter((event) => event.migrationUuid === uuid).map((event) => event.event),
    outcome: (uuid) => recorded.outcomes.find((outcome) => outcome.migrationUuid === uuid),
    guests: (host) => recorded.hosts.findLast((report) => report.facts.host === host)?.guests ?? [],
  };
  return recorded;
}
