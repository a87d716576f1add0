import { describe } from "vitest";
import { requestsBeforeAnOutage, requestsDuringAnOutage } from "./broker-outage-suite.ts";
import { moves } from "./moves-suite.ts";
import { stockClients } from "./stock-clients-suite.ts";
import { useLabPlane } from "./use-lab-plane.ts";

describe("a real guest between real hosts, over RabbitMQ, Redis and PostgreSQL", () => {
  const planeOf = useLabPlane("amqp");
  stockClients(planeOf);
  moves(planeOf);
  requestsDuringAnOutage(planeOf);
  requestsBeforeAnOutage(planeOf);
});
