/** Hurries a migration, or calls it off. Asking is not being done: `migrate.ts` shows what becomes of it. */
import { abortMigration, forceCompleteMigration, getMigration } from "@drover/contracts";
import { requestedBy, withBus } from "./with-bus.ts";

const contracts = new Map([
  ["force-complete", forceCompleteMigration],
  ["abort", abortMigration],
]);

const [action = "", reference] = process.argv.slice(2);
const contract = contracts.get(action);
if (contract === undefined || reference === undefined) {
  console.error("usage: node steer.ts force-complete|abort MIGRATION");
  process.exit(2);
}
await withBus(async (bus) => {
  const { migration } = await bus.call(getMigration, { migration: reference });
  const { answer } = await bus.call(contract, { migrationUuid: migration.uuid, requestedBy });
  console.log(`${action} of migration ${migration.id}: ${answer}`);
  return 0;
});
