import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { TestkitError } from "../testkit-error.ts";

/** Given out before: whoever asked may not listen yet. */
const given = new Set<number>();

/** Below 32768, from which on Linux takes the ports of outgoing connections. */
const PORTS = { from: 20_000, to: 32_768 } as const;
/** Processes that start servers at the same time have a part each, most of the time: their numbers follow each other. */
const PARTS = 16;

/**
 * A TCP port on which nobody listens at `address`, and that was not given out in this process before.
 *
 * It is out of the range of outgoing connections, and random: a server that is stopped for a while finds its port still free
 * when it comes back.
 */
export async function freePort(address = "127.0.0.1"): Promise<number> {
  const size = Math.floor((PORTS.to - PORTS.from) / PARTS);
  const from = PORTS.from + (process.pid % PARTS) * size;
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = randomInt(from, from + size);
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port, address)) return port;
  }
  throw new TestkitError(`found no free port at ${address}`);
}

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(false);
      else reject(new TestkitError(`cannot listen at ${host}`, { cause: error }));
    });
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
