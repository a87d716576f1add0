import { connect } from "@nats-io/transport-node";
import { natsConnectOptions } from "../nats-connect-options.ts";
import type { EchoSides } from "./echo-side.ts";

const SUBJECT = "bench.bare";
const TIMEOUT_MS = 10_000;

/** The NATS client's own request and reply: one inbox for all requests, a callback instead of an iterator. */
export const sides: EchoSides = {
  async serve(url) {
    const connection = await connect(natsConnectOptions(url));
    connection.subscribe(SUBJECT, {
      queue: "bench",
      callback: (error, message) => {
        if (error === null) message.respond(JSON.stringify(message.json()));
      },
    });
    await connection.flush();
  },

  async connect(url) {
    const connection = await connect(natsConnectOptions(url));
    return async (payload) =>
      (await connection.request(SUBJECT, JSON.stringify(payload), { timeout: TIMEOUT_MS })).json();
  },
};
