import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { TestkitError } from "../testkit-error.ts";
import type { Certificates } from "./create-certificates.ts";

/** How {@link askServer} speaks and listens. */
export interface AskOptions {
  /** Whether the answer is whole. @default as soon as there is one */
  readonly isComplete?: (answer: Buffer) => boolean;
  /** Speak TLS, as the client that these are for. @default plain TCP */
  readonly tls?: ConnectionOptions;
  /** Speak TLS only after the server has said something in the clear, as NATS has it. @default false */
  readonly tlsAfterInfo?: boolean;
}

/**
 * Connects to a server, says `greeting` and resolves with the answer.
 *
 * @throws {TestkitError} if it refuses, hangs up, or says nothing for 2 s.
 */
export function askServer(
  address: string,
  port: number,
  greeting: Uint8Array | string,
  options: AskOptions = {},
): Promise<Buffer> {
  const { isComplete = () => true, tls, tlsAfterInfo = false } = options;
  return new Promise((resolve, reject) => {
    let answer: Buffer = Buffer.alloc(0);
    const open = (socket: Socket) => {
      const fail = (why: string, cause?: unknown) => {
        socket.destroy();
        reject(new TestkitError(`${address}:${port} ${why}`, { cause }));
      };
      socket.setTimeout(2_000, () => fail("did not answer"));
      socket.once("error", (cause) => fail("refused the connection", cause));
      socket.once("close", () => fail(answer.length === 0 ? "hung up" : `hung up after ${answer.toString().trim()}`));
      return socket;
    };
    const converse = (socket: Socket) => {
      socket.on("data", (bytes) => {
        answer = Buffer.concat([answer, bytes]);
        if (!isComplete(answer)) return;
        resolve(answer);
        socket.destroy();
      });
      socket.write(greeting);
    };
    if (tls !== undefined && !tlsAfterInfo) {
      converse(open(connectTls({ ...tls, host: address, port })));
      return;
    }
    const socket = open(connect({ host: address, port }));
    if (tls === undefined) converse(socket);
    else socket.once("data", () => converse(open(connectTls({ ...tls, socket, host: address }))));
  });
}

/** TLS for the client that a test's certificates are for; `undefined` without certificates. */
export function clientTls(certificates: Certificates | undefined): ConnectionOptions | undefined {
  return certificates === undefined
    ? undefined
    : {
        ca: readFileSync(certificates.caFile),
        cert: readFileSync(certificates.clientCertificateFile),
        key: readFileSync(certificates.clientKeyFile),
      };
}
