import type { FleetPlane } from "../../fleet/fleet-plane.ts";

type Records = Pick<FleetPlane, "postgres" | "storeUrl">;

/** How many migrations are not over, past the API, which would have to list them. */
export async function migrationsLeft({ postgres, storeUrl }: Records): Promise<number> {
  return Number(await postgres.sql("select count(*) from migrations where ended_at is null", storeUrl));
}

/** A run in which something failed is no figure. @throws with how many are in which state, and a reason of each */
export async function requireCompleted({ postgres, storeUrl }: Records, count: number): Promise<void> {
  const states = await postgres.sql("select state, count(*), min(reason) from migrations group by state", storeUrl);
  if (!new RegExp(`^completed\\|${count}\\|[^\\n]*$`).test(states)) {
    throw new Error(`not all migrations arrived:\n${states}`);
  }
}
