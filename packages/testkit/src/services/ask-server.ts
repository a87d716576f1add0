import { connect } from "node:net";
import { TestkitError } from "../testkit-error.ts";

/**
 * Connects to a server, says `greeting` and resolves with the answer: its first bytes, or all of it up to the point where
 * `isComplete` holds.
 *
 * @throws {TestkitError} if it refuses, hangs up, or says nothing for 2 s.
 */
export function askServer(
  address: string,
  port: number,
  greeting: Uint8Array | string,
  isComplete: (answer: Buffer) => boolean = () => true,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port });
    let answer: Buffer = Buffer.alloc(0);
    const fail = (why: string, cause?: unknown) => {
      socket.destroy();
      reject(new TestkitError(`${address}:${port} ${why}`, { cause }));
    };
    socket.setTimeout(2_000, () => fail("did not answer"));
    socket.once("error", (cause) => fail("refused the connection", cause));
    socket.once("close", () => fail(answer.length === 0 ? "hung up" : `hung up after ${answer.toString().trim()}`));
    socket.on("data", (bytes) => {
      answer = Buffer.concat([answer, bytes]);
      if (!isComplete(answer)) return;
      resolve(answer);
      socket.destroy();
    });
    socket.write(greeting);
  });
}
