import type { Logger } from "@drover/model";
import type { Redis } from "ioredis";
import { listenerSet } from "./listener-set.ts";
import type { ProgressListener } from "./progress-cache.ts";
import { firstAttempt, redisConnection } from "./redis-connection.ts";
import { withoutCommand } from "./redis-error.ts";
import { snapshotsFromText } from "./snapshot-text.ts";

export interface ProgressFeed {
  /** Resolves when the feed flows, or when the first attempt to make it flow has failed: it comes by itself later. */
  subscribe(listener: ProgressListener): Promise<() => Promise<void>>;
  close(): void;
}

/** One subscription for all listeners of this process, on a connection of its own, made when the first one comes. */
export function progressFeed(options: {
  readonly url: string;
  readonly channel: string;
  readonly logger: Logger;
}): ProgressFeed {
  const { url, channel, logger } = options;
  const listeners = listenerSet(logger);
  let connection: Redis | undefined;
  let flowing: Promise<void> = Promise.resolve();

  async function connect(client: Redis): Promise<void> {
    client.on("message", (_channel, text) => listeners.tell(snapshotsFromText(text)));
    const subscribe = async () => {
      try {
        await client.subscribe(channel);
      } catch (error) {
        logger.warn({ err: withoutCommand(error) }, "could not subscribe to progress, connecting anew");
        client.disconnect(true);
      }
    };
    let first: Promise<void> | undefined;
    client.on("ready", () => {
      const subscribed = subscribe();
      first ??= subscribed;
    });
    await firstAttempt(client);
    await first;
  }

  return {
    subscribe: async (listener) => {
      const end = listeners.add(listener);
      if (connection === undefined) {
        connection = redisConnection(url, logger);
        flowing = connect(connection);
      }
      await flowing;
      return end;
    },
    close: () => {
      listeners.clear();
      connection?.disconnect();
    },
  };
}
