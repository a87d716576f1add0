import { type Clock, DroverError } from "@drover/model";
import { Bound } from "../bound.ts";
import type { BrokerLink } from "../broker-link.ts";
import type { CastOptions } from "../bus.ts";
import type { CastContract } from "../contract.ts";
import { encodeRequest } from "../envelope.ts";
import { CAST_CONNECT_WAIT_MS, CONFIRM_WAIT_MS, nobodyServes, openCast, queueName } from "../outgoing.ts";
import type { AmqpSession } from "./amqp-session.ts";
import { isRefusal } from "./broker-refusal.ts";
import { withinTime } from "./time-limit.ts";
import { declareFanoutExchange, fanoutExchange } from "./topology.ts";

/** The casts of one process: each is done when the broker has confirmed it. */
export class OutgoingCasts {
  readonly #link: BrokerLink<AmqpSession>;
  readonly #clock: Clock;
  readonly #bound = new Bound("casts");

  constructor(link: BrokerLink<AmqpSession>, clock: Clock) {
    this.#link = link;
    this.#clock = clock;
  }

  /** As {@link Bus.cast}. */
  async cast<Request>(contract: CastContract<Request>, request: Request, options: CastOptions): Promise<void> {
    const { topic, method } = contract;
    const body = encodeRequest(openCast(contract, request, options));
    const fanout = options.fanout === true;
    const exchange = fanout ? fanoutExchange(topic) : "";
    const routingKey = fanout ? "" : queueName(topic, options.server);
    await this.#bound.hold(`sending ${method}`, async () => {
      const session = await this.#link.sessionFor(`sending ${method}`, CAST_CONNECT_WAIT_MS);
      const outcome = await withinTime(`sending ${method}`, CONFIRM_WAIT_MS, this.#clock, async (tooLate) => {
        if (fanout) await declareFanout(session, method, topic);
        return session.publish({ exchange, routingKey, body, isWanted: () => !tooLate.aborted });
      });
      if (outcome === "returned") throw nobodyServes(method, exchange || routingKey);
    });
  }
}

/** The exchange goes away with its last server, and a message to one that is not there would cost us the channel. */
async function declareFanout(session: AmqpSession, method: string, topic: string): Promise<void> {
  try {
    await session.scratch((channel) => declareFanoutExchange(channel, topic));
  } catch (cause) {
    const code = isRefusal(cause) ? "refused" : "unavailable";
    throw new DroverError(code, `sending ${method} to every server of ${topic}`, { cause });
  }
}
