import type { ConnectionOptions } from "node:tls";
import { DroverError } from "@drover/model";

/** A silent broker is given up after two of these. */
const HEARTBEAT_SECONDS = 15;

export interface BrokerAddress {
  /** With credentials: for the dialer alone, never for a log line. */
  readonly url: string;
  /** `host:port/vhost`: for people. */
  readonly label: string;
}

/** TLS material for `amqps://` addresses, as for `tls.connect`. */
export type BrokerTls = Pick<ConnectionOptions, "ca" | "cert" | "key" | "passphrase" | "servername">;

/** @throws {DroverError} `bad-request` naming the position of a wrong address, and never the address: it holds a password. */
export function brokerAddresses(urls: readonly string[]): readonly BrokerAddress[] {
  if (urls.length === 0) throw new DroverError("bad-request", "opening the bus: `urls` names no broker");
  return urls.map((text, position) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || (url.protocol !== "amqp:" && url.protocol !== "amqps:")) {
      throw new DroverError(
        "bad-request",
        `opening the bus: \`urls[${position}]\` is not an amqp:// or amqps:// address`,
      );
    }
    if (!url.searchParams.has("heartbeat")) url.searchParams.set("heartbeat", String(HEARTBEAT_SECONDS));
    const port = url.port === "" ? (url.protocol === "amqps:" ? "5671" : "5672") : url.port;
    return { url: url.href, label: `${url.hostname}:${port}${url.pathname}` };
  });
}
