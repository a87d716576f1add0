/** A Drover with simulated hosts, in which there is something of each kind to ask about. */
import { updateServer } from "@drover/contracts";
import { mintToken } from "@drover/model";
import { type SimulatedPlane, startSimulatedPlane } from "../fleet/simulated-plane.ts";
import { isOver, isWatched, untilMigration } from "../integration/watching.ts";

export interface World extends AsyncDisposable {
  readonly plane: SimulatedPlane;
  /** `http://127.0.0.1:…/v2.1` */
  readonly url: string;
  readonly tokens: Readonly<Record<"admin" | "operator" | "reader", string>>;
  /** `{…}` in the tables, by name. */
  readonly names: ReadonlyMap<string, string>;
}

/** Copied for as long as the tests take. */
const ENDLESS = { memoryMiB: 4096, touchedMiB: 4000, workingSetMiB: 3000, dirtyMiBps: 900 };

export async function startWorld(): Promise<World> {
  const plane = await startSimulatedPlane({ conductor: { max_concurrent_live_migrations: 1 } });
  const { client, store } = plane;
  const names = new Map([["nobody", "6f6e0c5c-0000-4000-8000-00000000dead"]]);
  for (const name of ["running", "moved", "locked", "moving", "waiting"]) {
    names.set(name, await plane.addGuest({ name, ...(name === "moving" ? ENDLESS : {}) }));
  }
  names.set("off", await plane.addGuest({ name: "off", running: false }));
  for (const host of (await client.hosts()).hosts) names.set(host.name, host.uuid);
  await client.updateHost("gamma", { enabled: false, disabledReason: "new fan" });

  const migrate = async (name: string) => {
    const { id } = (await client.migrate(name, { host: "beta" })).migration;
    names.set(`${name}.id`, String(id));
    return id;
  };
  await untilMigration(client, await migrate("moved"), "over", isOver);
  await untilMigration(client, await migrate("moving"), "watched", isWatched);
  await migrate("waiting");
  const lock = { server: "locked", settings: { locked: true, lockedReason: "audit" }, asAdmin: true };
  await plane.bus.call(updateServer, { ...lock, requestedBy: "admin" });

  const tokenOf = async (role: "operator" | "reader") => {
    const { id, secretHash, text } = mintToken();
    const rest = { projectId: "admin", networks: [], createdBy: "test", expiresAt: null };
    await store.tokens.create({ id, secretHash, name: role, role, ...rest });
    return text;
  };
  const tokens = { admin: plane.token, operator: await tokenOf("operator"), reader: await tokenOf("reader") };
  return {
    plane,
    url: `${client.url}/v2.1`,
    tokens,
    names,
    [Symbol.asyncDispose]: () => plane[Symbol.asyncDispose](),
  };
}

/** `text` with what `{…}` stands for. */
export function filledIn({ names }: World, text: string): string {
  return text.replace(/\{([a-z.]+)\}/g, (whole, name: string) => names.get(name) ?? whole);
}
