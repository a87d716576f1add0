/** The ways in which the walk leads a migration from alpha to beta, so that each step and each undo gets its turn. */
import { ApiError, type MigrateOptions } from "@drover/api-client";
import { preLiveMigration } from "@drover/contracts";
import { LibvirtError } from "@drover/libvirt";
import { DroverError } from "@drover/model";
import { waitFor } from "@drover/testkit";
import { untilMigration } from "../integration/watching.ts";
import type { Settlement } from "./settlement-contract.ts";
import type { PlaneOptions, SimulatedPlane } from "./simulated-plane.ts";

/** One way, and how it ends when nothing else goes wrong. */
export interface Course extends Settlement {
  readonly title: string;
  /** Whose undo is the first to run; without it none does. */
  readonly failsAt?: string;
  readonly conductor?: PlaneOptions["conductor"];
  /** @default one of 300 MiB in use */
  readonly guest?: { readonly memoryMiB: number; readonly touchedMiB: number };
  /** Of this migration, beside the fleet's. */
  readonly policy?: MigrateOptions["policy"];
  /** Before the migration is asked for. */
  readonly before?: (plane: SimulatedPlane) => void;
  /** While memory is being copied. */
  readonly during?: (plane: SimulatedPlane, migrationId: number) => Promise<void>;
}

/** At 5 MiB/s 300 MiB take a minute, by the hurried clock. A quiet guest writes 8 MiB/s: below, no copy ends by itself. */
const linkOf =
  (mibps: number): NonNullable<Course["before"]> =>
  (plane) =>
    plane.fleet.faults.setLinkBandwidth("alpha", "beta", mibps);

export const straight: Course = { title: "any migration", state: "completed", host: "beta" };

/** The conductor waits for a start that nobody answers, and not for a minute. */
export const soonDoubted: Course = { ...straight, title: "one soon doubted", conductor: { start_timeout_s: 40 } };

/** So long that its source is asked whether it still steers the copy. */
export const long: Course = {
  ...straight,
  title: "a long one",
  guest: { memoryMiB: 2048, touchedMiB: 1200 },
  before: linkOf(30),
};

export const forced: Course = {
  ...straight,
  title: "a forced one",
  before: linkOf(20),
  during: async (plane, id) => void (await plane.client.forceComplete(id)),
};

export const tuned: Course = {
  ...straight,
  title: "a tuned one",
  before: linkOf(20),
  during: async (plane, id) => void (await plane.client.tune(id, { downtimeMs: 5_000 })),
};

export const resumed: Course = {
  ...straight,
  title: "one resumed in post-copy",
  policy: { permitPostCopy: true, postCopyResumeAttempts: 0 },
  before: linkOf(20),
  during: async ({ client, fleet }, id) => {
    await client.forceComplete(id, { method: "post-copy" });
    await untilMigration(client, id, "in post-copy", ({ state }) => state === "post-copy");
    fleet.faults.setLink("alpha", "beta", "reset");
    await untilMigration(client, id, "broken", ({ state }) => state === "post-copy-paused");
    fleet.faults.setLink("alpha", "beta", "up");
    fleet.faults.setLinkBandwidth("alpha", "beta", 300);
    // Until the source's own word is in, nobody knows that it is broken, and the request is refused.
    await waitFor("the resumption to be accepted", () =>
      client.resume(id).catch((error: unknown) => {
        if (error instanceof ApiError && error.code === "refused") return undefined;
        throw error;
      }),
    );
  },
};

export const aborted: Course = {
  title: "an aborted one",
  state: "cancelled",
  host: "alpha",
  says: /aborted on request of admin/,
  failsAt: "move-guest",
  before: linkOf(5),
  during: async (plane, id) => void (await plane.client.abort(id)),
};

export const preparationRefused: Course = {
  title: "one whose destination refuses",
  state: "failed",
  host: "alpha",
  says: /beta has no room/,
  failsAt: "prepare-destination",
  before: (plane) => {
    const error = new DroverError("libvirt", "beta has no room for it");
    plane.bus.onRequest(preLiveMigration, { kind: "fail-before", error });
  },
};

export const copyRefused: Course = {
  title: "one whose copy is refused",
  state: "failed",
  host: "alpha",
  says: /no copy today/,
  failsAt: "move-guest",
  before: (plane) => {
    const error = LibvirtError.refusal("VIR_ERR_OPERATION_FAILED", "operation failed: no copy today");
    plane.fleet.faults.onCall("alpha", "domainMigratePerform3Params", { kind: "refuse", error });
  },
};
