/** A whole Drover over a lab: real libvirtd and QEMU, a broker, Redis, PostgreSQL, every service a process of its own. */
import { type DroverClient, type MigrationView, openDrover } from "@drover/api-client";
import {
  type Lab,
  type LabHost,
  type Postgres,
  type RealService,
  type RunningDrover,
  startDrover,
  startLab,
  startNats,
  startPostgres,
  startRabbitMq,
  startRedis,
  waitFor,
} from "@drover/testkit";
import type { BusDriver } from "../integration/broker.ts";
import { untilMigration } from "../integration/watching.ts";

export { isOver } from "../integration/watching.ts";

export interface LabPlaneOptions {
  /** RabbitMQ or NATS. @default "amqp" */
  readonly bus?: BusDriver;
  /** Configuration for all processes: `DROVER_*` variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** How many conductors. @default 1 */
  readonly conductors?: number;
}

export interface LabPlane extends AsyncDisposable {
  readonly lab: Lab;
  readonly source: LabHost;
  readonly destination: LabHost;
  /** RabbitMQ or NATS. */
  readonly broker: RealService;
  readonly redis: RealService;
  readonly postgres: Postgres;
  readonly storeUrl: string;
  readonly drover: RunningDrover;
  readonly client: DroverClient;
  /** Resolves when `GET /v1/servers` shows the guest on the host. */
  untilServerIsOn(name: string, host: LabHost): Promise<void>;
  /** Resolves with the migration once `condition` holds. */
  untilMigration(id: number, what: string, condition: (migration: MigrationView) => boolean): Promise<MigrationView>;
}

/** Starts everything; nothing is left when this rejects. */
export async function startLabPlane({ bus = "amqp", env = {}, conductors }: LabPlaneOptions = {}): Promise<LabPlane> {
  const started = new AsyncDisposableStack();
  try {
    const lab = started.use(await startLab({ hosts: 2 }));
    const listenAddress = lab.addresses.rootAddress;
    const [broker, redis, postgres] = await Promise.all([
      bus === "amqp" ? startRabbitMq({ listenAddress }) : startNats({ listenAddress }),
      startRedis({ listenAddress }),
      startPostgres({ listenAddress }),
    ]);
    for (const service of [broker, redis, postgres]) started.use(service);
    const storeUrl = await postgres.createDatabase();
    const drover = started.use(
      await startDrover({
        busDriver: bus,
        busUrl: broker.url,
        storeUrl,
        progressUrl: redis.url,
        hosts: lab.hosts,
        env,
        conductors,
      }),
    );
    const client = openDrover({ url: drover.url, token: drover.token });
    const [source, destination] = lab.hosts;
    if (source === undefined || destination === undefined) throw new Error("the lab has fewer than two hosts");
    return {
      lab,
      source,
      destination,
      broker,
      redis,
      postgres,
      storeUrl,
      drover,
      client,
      untilServerIsOn: async (name, host) => {
        await waitFor(
          `${name} to be shown on ${host.name}`,
          async () => (await client.servers({ name })).servers.some((server) => server.host === host.name),
          { deadlineMs: 30_000, intervalMs: 100 },
        );
      },
      untilMigration: (id, what, condition) => untilMigration(client, id, what, condition, 120_000),
      [Symbol.asyncDispose]: () => started.disposeAsync(),
    };
  } catch (error) {
    await started.disposeAsync();
    throw error;
  }
}
