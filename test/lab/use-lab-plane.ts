import { afterAll, beforeAll, expect } from "vitest";
import type { BusDriver } from "../integration/broker.ts";
import { type LabPlane, startLabPlane } from "./lab-plane.ts";

/**
 * Slow enough that a guest's rate of dirtying decides, whatever this machine's speed: at 40 MiB/s `STEADY` (6 MiB/s)
 * converges and one of 60 MiB/s never does.
 */
const POLICY = {
  DROVER_POLICY_LIVE_MIGRATION_BANDWIDTH: "40",
  // Nothing else ends such a copy either.
  DROVER_POLICY_LIVE_MIGRATION_PERMIT_AUTO_CONVERGE: "false",
  DROVER_POLICY_LIVE_MIGRATION_DOWNTIME: "100",
  DROVER_POLICY_LIVE_MIGRATION_COMPRESSION: "none",
  DROVER_CONDUCTOR_MAX_CONCURRENT_LIVE_MIGRATIONS: "8",
  DROVER_CONDUCTOR_MAX_CONCURRENT_INCOMING_MIGRATIONS: "8",
};

/** Its copy takes a few seconds. */
export const STEADY = { memoryMiB: 256, workingSetMiB: 64, dirtyMiBps: 6, verifyMiBps: 48 };

/** Starts a plane for all tests of a `describe`, and expects that nothing of it is left after them. */
export function useLabPlane(bus: BusDriver): () => LabPlane {
  let plane: LabPlane | undefined;
  beforeAll(async () => {
    plane = await startLabPlane({ bus, env: POLICY });
  });
  afterAll(async () => {
    await plane?.[Symbol.asyncDispose]();
    expect(plane?.lab.leftovers() ?? []).toEqual([]);
  });
  return () => {
    if (plane === undefined) throw new Error("the plane is used before it has started");
    return plane;
  };
}
