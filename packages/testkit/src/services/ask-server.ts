import { connect } from "node:net";
import { TestkitError } from "../testkit-error.ts";

/**
 * Connects to a server, says `greeting` and resolves with the first bytes of the answer.
 *
 * @throws {TestkitError} if it refuses, hangs up, or says nothing for 2 s.
 */
export function askServer(address: string, port: number, greeting: Uint8Array | string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port });
    const fail = (why: string, cause?: unknown) => {
      socket.destroy();
      reject(new TestkitError(`${address}:${port} ${why}`, { cause }));
    };
    socket.setTimeout(2_000, () => fail("did not answer"));
    socket.once("error", (cause) => fail("refused the connection", cause));
    socket.once("close", () => fail("hung up"));
    socket.once("data", (answer) => {
      resolve(answer);
      socket.destroy();
    });
    socket.write(greeting);
  });
}
