import { LibvirtConnection, LibvirtError } from "@drover/libvirt";
import { waitFor } from "@drover/testkit";
import { describe, it } from "vitest";
import { isOver, isWatched, untilMigration } from "../integration/watching.ts";
import { expectSettled, type Settlement } from "./settlement-contract.ts";
import { type HostName, type SimulatedPlane, startSimulatedPlane } from "./simulated-plane.ts";

const refusal = LibvirtError.refusal("VIR_ERR_OPERATION_FAILED", "operation failed: the test says no");

/** One kind of trouble, what it does to a migration from alpha to beta, and how that must end. */
interface Trouble extends Settlement {
  readonly what: string;
  /** Before the migration is asked for. */
  readonly before?: (plane: SimulatedPlane, guest: string) => void | Promise<void>;
  /** While memory is being copied. */
  readonly during?: (plane: SimulatedPlane, migrationId: number) => void | Promise<void>;
  /** The repair, after which everything must settle by itself. */
  readonly repair?: (plane: SimulatedPlane) => void | Promise<void>;
}

const troubles: readonly Trouble[] = [
  {
    what: "nothing goes wrong",
    state: "completed",
    host: "beta",
  },
  {
    what: "libvirt refuses to start the copy",
    before: (plane) =>
      plane.fleet.faults.onCall("alpha", "domainMigratePerform3Params", { kind: "refuse", error: refusal }),
    state: "failed",
    host: "alpha",
    says: /the test says no/,
  },
  {
    what: "the source's libvirt refuses to describe the guest",
    before: (plane) => plane.fleet.faults.onCall("alpha", "domainGetXMLDesc", { kind: "refuse", error: refusal }),
    state: "failed",
    host: "alpha",
    says: /the test says no/,
  },
  {
    what: "the source's libvirt is slow to answer",
    before: (plane) => plane.fleet.faults.onCall("alpha", "domainGetXMLDesc", { kind: "delay", delayMs: 1_000 }),
    state: "completed",
    host: "beta",
  },
  {
    what: "the answer to the copy is cut off in its frame",
    before: (plane) => plane.fleet.faults.onCall("alpha", "domainMigratePerform3Params", { kind: "drop-mid-frame" }),
    state: "completed",
    host: "beta",
  },
  {
    what: "job statistics are cut off in their frame",
    during: (plane) => plane.fleet.faults.onCall("alpha", "domainGetJobStats", { kind: "drop-mid-frame" }, 2),
    state: "completed",
    host: "beta",
  },
  {
    what: "job statistics are refused for a while",
    during: (plane) => plane.fleet.faults.onCall("alpha", "domainGetJobStats", { kind: "refuse", error: refusal }, 3),
    state: "completed",
    host: "beta",
  },
  {
    what: "the link is reset",
    during: (plane) => plane.fleet.faults.setLink("alpha", "beta", "reset"),
    repair: (plane) => plane.fleet.faults.setLink("alpha", "beta", "up"),
    state: "failed",
    host: "alpha",
    says: /beta/,
  },
  {
    what: "the link is down from the beginning",
    before: (plane) => plane.fleet.faults.setLink("alpha", "beta", "reset"),
    repair: (plane) => plane.fleet.faults.setLink("alpha", "beta", "up"),
    state: "failed",
    host: "alpha",
    says: /Connection refused/,
  },
  {
    what: "the link falls silent, and the migration is aborted",
    during: async (plane, id) => {
      plane.fleet.faults.setLink("alpha", "beta", "silent");
      await plane.client.abort(id);
    },
    repair: (plane) => plane.fleet.faults.setLink("alpha", "beta", "up"),
    state: "cancelled",
    host: "alpha",
    says: /aborted on request/,
  },
  {
    what: "the link falls silent for a moment",
    during: (plane) => plane.fleet.faults.setLink("alpha", "beta", "silent"),
    repair: (plane) => plane.fleet.faults.setLink("alpha", "beta", "up"),
    state: "completed",
    host: "beta",
  },
  {
    what: "the destination goes down",
    during: (plane) => plane.fleet.faults.hostDown("beta"),
    repair: (plane) => plane.fleet.faults.hostUp("beta"),
    state: "failed",
    host: "alpha",
  },
  {
    what: "the source is out of reach for a while",
    during: (plane) => plane.fleet.faults.hostDown("alpha"),
    repair: (plane) => plane.fleet.faults.hostUp("alpha"),
    state: "failed",
    host: "alpha",
  },
  ...(["source", "destination"] as const).flatMap((dies) =>
    (["source", "destination"] as const).map((guestEndsOn): Trouble => {
      const arrives = guestEndsOn === "destination";
      return {
        what: `the ${dies} dies during the switch-over and the guest ends on the ${guestEndsOn}`,
        before: (plane, guest) => plane.fleet.faults.dieDuringSwitchOver(guest, { dies, guestEndsOn }),
        during: (plane) => untilDown(plane, dies === "source" ? "alpha" : "beta"),
        repair: (plane) => plane.fleet.faults.hostUp(dies === "source" ? "alpha" : "beta"),
        state: arrives ? "completed" : "failed",
        host: arrives ? "beta" : "alpha",
      };
    }),
  ),
  {
    what: "it is aborted",
    during: async (plane, id) => void (await plane.client.abort(id)),
    state: "cancelled",
    host: "alpha",
    says: /aborted on request of admin/,
  },
  {
    what: "it is aborted and libvirt refuses the abort once",
    during: async (plane, id) => {
      plane.fleet.faults.onCall("alpha", "domainAbortJob", { kind: "refuse", error: refusal });
      await plane.client.abort(id);
    },
    state: "completed",
    host: "beta",
  },
  {
    what: "it is forced to complete",
    during: async (plane, id) => void (await plane.client.forceComplete(id)),
    state: "completed",
    host: "beta",
  },
  {
    what: "the source's agent is away for a while",
    during: (plane) => plane.stopAgent("alpha"),
    repair: (plane) => plane.startAgent("alpha"),
    state: "completed",
    host: "beta",
  },
  {
    what: "the destination's agent is away for a while",
    during: (plane) => plane.stopAgent("beta"),
    repair: (plane) => plane.startAgent("beta"),
    state: "completed",
    host: "beta",
  },
  {
    what: "the conductor is away for a while",
    during: (plane) => plane.stopConductor(),
    repair: (plane) => plane.startConductor(),
    state: "completed",
    host: "beta",
  },
];

/** Until nobody answers there any more: nothing is repaired before. */
async function untilDown(plane: SimulatedPlane, host: HostName): Promise<void> {
  await waitFor(`${host} to be down`, async () => {
    const connection = await LibvirtConnection.open(plane.fleet.host(host).uri).catch(() => undefined);
    await connection?.close();
    return connection === undefined;
  });
}

describe.concurrent("a migration, when", () => {
  it.each(troubles)("$what, is $state and the guest runs on $host alone", async (trouble) => {
    await using plane = await startSimulatedPlane();
    const guest = await plane.addGuest({ name: "web" });
    await trouble.before?.(plane, guest);
    let { migration } = await plane.client.migrate("web", { host: "beta" });
    if (trouble.during !== undefined) {
      migration = await untilMigration(plane.client, migration.id, "copying", isWatched);
      await trouble.during(plane, migration.id);
    } else {
      migration = await untilMigration(plane.client, migration.id, "over", isOver);
    }
    await trouble.repair?.(plane);
    await expectSettled(plane, migration, trouble);
  });
});
