import { userInfo } from "node:os";
import { type Bus, openAmqpBus, openNatsBus } from "@drover/bus";
import { isDroverError } from "@drover/model";

/** Who asks, for the record. */
export const requestedBy = userInfo().username;

/**
 * Runs a program over the bus that DROVER_BUS_URL names, RabbitMQ or NATS, with what it returns as exit code. What Drover
 * refuses ends it with one line and 1.
 */
export async function withBus(program: (bus: Bus) => Promise<number>): Promise<void> {
  const url = process.env.DROVER_BUS_URL;
  if (url === undefined || url === "") {
    console.error("set DROVER_BUS_URL to the broker, as in [bus] url: amqp://user:password@host:5672/");
    process.exitCode = 1;
    return;
  }
  const options = { urls: url.split(","), name: "drover-example" };
  const bus = url.startsWith("amqp") ? openAmqpBus(options) : openNatsBus(options);
  try {
    process.exitCode = await program(bus);
  } catch (error) {
    if (!isDroverError(error)) throw error;
    console.error(`${error.code}: ${error.message}`);
    process.exitCode = 1;
  } finally {
    await bus.close();
  }
}
