import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { TestkitError } from "../testkit-error.ts";

/** Given out before: whoever asked may not listen yet. */
const given = new Set<number>();

/**
 * A TCP port on which nobody listens at `address`, and that was not given out in this process before.
 *
 * It is below 32768, out of the range from which Linux takes the ports of outgoing connections, and random: a server that
 * is stopped for a while finds its port still free when it comes back.
 */
export async function freePort(address = "127.0.0.1"): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = randomInt(20_000, 32_768);
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
