import { dirname } from "node:path";
import { unbuiltServices } from "../drover/drover-process.ts";
import { type RunningDrover, startDrover } from "../drover/start-drover.ts";
import type { GuestSpec } from "../guest/guest-definition.ts";
import { guestImage } from "../guest/guest-image.ts";
import { type Lab, startLab } from "../lab/lab.ts";
import { identifyProcess } from "../process/process-identity.ts";
import type { RealService } from "../services/real-service.ts";
import { type Postgres, startPostgres } from "../services/start-postgres.ts";
import { startRabbitMq } from "../services/start-rabbitmq.ts";
import { startRedis } from "../services/start-redis.ts";
import { TestkitError } from "../testkit-error.ts";
import { type LabPlace, type LabState, type RememberedProcess, writeLabState } from "./lab-state.ts";

/** What a lab for a person has. */
export interface LabUpOptions {
  /** @default 2 */
  readonly hosts?: number;
  /** "machines" leaves Drover itself out: hosts, guests and servers alone. @default "all" */
  readonly parts?: "machines" | "all";
  /** Port of the API. @default a free one */
  readonly apiPort?: number;
  /** Told each step, as a line. */
  readonly say: (line: string) => void;
  /** Ends the start after the step under way. */
  readonly signal: AbortSignal;
}

/**
 * Copies are held to this, so that there is something to watch and one guest that cannot be copied as fast as it writes.
 */
const BANDWIDTH_MIBPS = 32;

const GUESTS: readonly (GuestSpec & { readonly hostIndex: number; readonly about: string })[] = [
  { name: "idle", hostIndex: 0, workingSetMiB: 64, dirtyMiBps: 0, about: "writes nothing: moves in one go" },
  { name: "steady", hostIndex: 0, workingSetMiB: 64, dirtyMiBps: 8, about: "writes 8 MiB/s: converges" },
  { name: "busy", hostIndex: 1, workingSetMiB: 128, dirtyMiBps: 48, about: "writes 48 MiB/s: never converges" },
];

/**
 * Starts hosts, guests, brokers and Drover, all of which outlive this process. If it rejects, nothing is being started any
 * more, and {@link labDown} stops what was.
 */
export async function labUp(place: LabPlace, options: LabUpOptions): Promise<LabState> {
  const { hosts: hostCount = 2, parts = "all", apiPort, say, signal } = options;
  const { group } = place;
  let state: LabState = {
    complete: false,
    startedAt: new Date().toISOString(),
    folders: [],
    hosts: [],
    guests: [],
    processes: [],
  };
  const remember = async (more: Partial<LabState>) => {
    state = { ...state, ...more };
    await writeLabState(place, state);
    signal.throwIfAborted();
  };
  await remember({});

  say("Preparing the guests' image ...");
  await guestImage();
  say(`Starting ${hostCount} hosts ...`);
  const lab = await startLab({ hosts: hostCount, group });
  await remember({
    folders: [lab.folder],
    hosts: lab.hosts.map(({ name, uri, tcpUri }) => ({ name, uri, tcpUri })),
  });

  say("Starting guests, RabbitMQ, Redis and PostgreSQL ...");
  const where = { listenAddress: lab.addresses.rootAddress, group };
  const starting = [startGuests(lab), startRabbitMq(where), startRedis(where), startPostgres(where)] as const;
  await Promise.allSettled(starting);
  const [guests, rabbitMq, redis, postgres] = await Promise.all(starting);
  await remember({
    folders: [...state.folders, rabbitMq.folder, redis.folder, postgres.folder],
    guests,
    processes: [remembered("RabbitMQ", rabbitMq), remembered("Redis", redis), remembered("PostgreSQL", postgres)],
  });

  const unbuilt = unbuiltServices();
  if (parts === "all" && unbuilt.length > 0) {
    say(`Drover itself is not started: no dist/main.js in packages ${unbuilt.join(", ")}.`);
  } else if (parts === "all") {
    say("Starting Drover: api, conductor, scheduler, and an agent per host ...");
    const drover = await droverOver(lab, { rabbitMq, redis, postgres }, { apiPort, group });
    await remember({
      url: drover.url,
      token: drover.token,
      folders: [...state.folders, drover.folder],
      processes: [...state.processes, ...drover.processes.map(rememberedDrover)],
    });
  }
  await remember({ complete: true });
  return state;
}

async function startGuests(lab: Lab): Promise<LabState["guests"]> {
  const starting = GUESTS.map(async ({ hostIndex, about, ...spec }) => {
    const host = lab.hosts[hostIndex % lab.hosts.length];
    if (host === undefined) throw new TestkitError("a lab needs at least one host");
    const { name, uuid } = await host.startGuest(spec, { deadlineMs: 120_000 });
    return { name, uuid, about: `${about}; on ${host.name}` };
  });
  await Promise.allSettled(starting);
  return Promise.all(starting);
}

async function droverOver(
  lab: Lab,
  services: { rabbitMq: RealService; redis: RealService; postgres: Postgres },
  options: { apiPort: number | undefined; group: string },
): Promise<RunningDrover> {
  return startDrover({
    ...options,
    hosts: lab.hosts,
    busUrl: services.rabbitMq.url,
    progressUrl: services.redis.url,
    storeUrl: await services.postgres.createDatabase(),
    env: {
      DROVER_POLICY_LIVE_MIGRATION_BANDWIDTH: String(BANDWIDTH_MIBPS),
      // Compressed, what the busy one writes would fit through.
      DROVER_POLICY_LIVE_MIGRATION_COMPRESSION: "none",
    },
  });
}

function remembered(label: string, service: RealService): RememberedProcess {
  return rememberedAs(label, service.pid, service.url, `${service.folder}/server.log`, false);
}

function rememberedDrover(process: RunningDrover["processes"][number]): RememberedProcess {
  return rememberedAs(process.label, process.identity?.pid, process.healthUrl, process.logFile, true);
}

function rememberedAs(
  label: string,
  pid: number | undefined,
  url: string,
  logFile: string,
  endsInOrder: boolean,
): RememberedProcess {
  const identity = pid === undefined ? undefined : identifyProcess(pid);
  if (identity === undefined) throw new TestkitError(`${label} ended just after its start; see ${dirname(logFile)}`);
  return { label, identity, url, logFile, endsInOrder };
}
