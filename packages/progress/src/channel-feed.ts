import type { Logger } from "@drover/model";
import type { Redis } from "ioredis";
import { listenerSet } from "./listener-set.ts";
import { firstAttempt, type RedisTarget, redisConnection } from "./redis-connection.ts";
import { withoutCommand } from "./redis-error.ts";

export interface ChannelFeed<Value> {
  /** Resolves when the feed flows, or when the first attempt to make it flow has failed: it comes by itself later. */
  subscribe(listener: (value: Value) => void): Promise<() => Promise<void>>;
  close(): void;
}

/**
 * One subscription for all listeners of this process, on a connection of its own, made when the first one comes.
 *
 * @param options.pattern Of the channels that are listened to; a name is one too.
 * @param options.read What a message says; `undefined` is told to nobody.
 * @param options.afterGap Told whenever the feed flows again: what was said meanwhile was not heard. @default nothing
 */
export function channelFeed<Value>(options: {
  readonly target: RedisTarget;
  readonly pattern: string;
  readonly logger: Logger;
  readonly read: (text: string) => Value | undefined;
  readonly afterGap?: Value;
}): ChannelFeed<Value> {
  const { target, pattern, logger, read, afterGap } = options;
  const listeners = listenerSet<Value>(logger, pattern);
  let connection: Redis | undefined;
  let flowing: Promise<void> = Promise.resolve();

  function tell(value: Value | undefined): void {
    if (value !== undefined) listeners.tell(value);
  }

  async function connect(client: Redis): Promise<void> {
    client.on("pmessage", (_pattern, _channel, text) => tell(read(text)));
    const subscribe = async () => {
      try {
        await client.psubscribe(pattern);
        tell(afterGap);
      } catch (error) {
        logger.warn({ err: withoutCommand(error), pattern }, "could not subscribe to a channel, connecting anew");
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
        connection = redisConnection(target, logger);
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
