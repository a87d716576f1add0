/** The process of start-service.test.ts: a service that does nothing but say that it was stopped. */
import { runService } from "./run-service.ts";

await runService({
  name: "test",
  sections: {},
  start: async ({ logger }) => {
    const busy = setInterval(() => {}, 60_000);
    return {
      stop: async () => {
        clearInterval(busy);
        logger.info({}, "test service stopped");
      },
    };
  },
});
