import { describe } from "vitest";
import { requestsDuringAnOutage } from "./broker-outage-suite.ts";
import { useLabPlane } from "./use-lab-plane.ts";

describe("a real guest between real hosts, over NATS, Redis and PostgreSQL", () => {
  const planeOf = useLabPlane("nats");
  requestsDuringAnOutage(planeOf);
});
