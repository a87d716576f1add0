import { afterAll, beforeAll } from "vitest";
import { type ProcessPlane, type ProcessPlaneOptions, startProcessPlane } from "./process-plane.ts";

/** Starts a plane for all tests of a `describe`. */
export function useProcessPlane(options: ProcessPlaneOptions): () => ProcessPlane {
  let plane: ProcessPlane | undefined;
  beforeAll(async () => {
    plane = await startProcessPlane(options);
  });
  afterAll(async () => {
    await plane?.[Symbol.asyncDispose]();
  });
  return () => {
    if (plane === undefined) throw new Error("the plane is used before it has started");
    return plane;
  };
}
