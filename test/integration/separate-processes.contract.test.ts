import { describe } from "vitest";
import {
  comesUp,
  doesWithoutHosts,
  goesDown,
  isTracedThroughIt,
  outlivesItsAgents,
  outlivesItsBroker,
  outlivesItsConductor,
  outlivesItsData,
  sharesItsWork,
  tellsWebhooksThroughIt,
} from "./process-suite.ts";
import { useProcessPlane } from "./use-process-plane.ts";

describe("a Drover of separate processes over RabbitMQ", () => {
  const planeOf = useProcessPlane({ driver: "amqp", serversAway: true, traced: true });
  comesUp(planeOf);
  outlivesItsBroker(planeOf);
  outlivesItsData(planeOf);
  tellsWebhooksThroughIt(planeOf);
  outlivesItsConductor(planeOf);
  isTracedThroughIt(planeOf);
  outlivesItsAgents(planeOf);
  sharesItsWork(planeOf);
  doesWithoutHosts(planeOf);
  goesDown(planeOf);
});

describe("a Drover of separate processes over NATS", () => {
  const planeOf = useProcessPlane({ driver: "nats", serversAway: true });
  comesUp(planeOf);
  outlivesItsBroker(planeOf);
  outlivesItsAgents(planeOf);
  sharesItsWork(planeOf);
  goesDown(planeOf);
});
