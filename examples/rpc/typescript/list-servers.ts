/** Lists the servers of the fleet, a line each: name, host, power state, and the migration in progress. */
import { parseArgs } from "node:util";
import type { Bus } from "@drover/bus";
import { listServers, type ServerView } from "@drover/contracts";
import { withBus } from "./with-bus.ts";

const PAGE_ROWS = 100;

/** Every server, page by page: one answer holds 1000 at most. */
async function* allServers(bus: Bus, host: string | null): AsyncGenerator<ServerView> {
  let marker: string | null = null;
  while (true) {
    const { servers }: { servers: ServerView[] } = await bus.call(listServers, { host, limit: PAGE_ROWS, marker });
    yield* servers;
    const last = servers.at(-1);
    if (last === undefined || servers.length < PAGE_ROWS) return;
    marker = last.uuid;
  }
}

const { values } = parseArgs({ options: { host: { type: "string" } } });
await withBus(async (bus) => {
  for await (const { name, host, powerState, migration } of allServers(bus, values.host ?? null)) {
    const moving = migration === null ? "-" : `migration ${migration.id} is ${migration.status}`;
    console.log([name, host, powerState, moving].join("\t"));
  }
  return 0;
});
