import { DroverError } from "@drover/model";

/** A silent broker is given up after two of these, three at most. */
const HEARTBEAT_SECONDS = 10;

export interface BrokerAddress {
  /** With credentials: for the dialer alone, never for a log line. */
  readonly url: string;
  /** `host:port/vhost`: for people. */
  readonly label: string;
  /** Whose credentials they are: the name that the broker vouches for on what we publish. */
  readonly user: string;
  /** For the dialer alone, as the url is. */
  readonly password: string;
}

/** @throws {DroverError} `bad-request` naming the position of a wrong address, and never the address: it holds a password. */
export function brokerAddresses(urls: readonly string[]): readonly [BrokerAddress, ...BrokerAddress[]] {
  const [first, ...others] = urls.map((text, position) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || (url.protocol !== "amqp:" && url.protocol !== "amqps:")) {
      throw new DroverError(
        "bad-request",
        `opening the bus: \`urls[${position}]\` is not an amqp:// or amqps:// address`,
      );
    }
    if (!url.searchParams.has("heartbeat")) url.searchParams.set("heartbeat", String(HEARTBEAT_SECONDS));
    const port = url.port === "" ? (url.protocol === "amqps:" ? "5671" : "5672") : url.port;
    // RabbitMQ's own user, where an address names none.
    const user = url.username === "" ? "guest" : credential(url.username, position);
    const password = url.username === "" ? "guest" : credential(url.password, position);
    return { url: url.href, label: `${url.hostname}:${port}${url.pathname}`, user, password };
  });
  if (first === undefined) throw new DroverError("bad-request", "opening the bus: `urls` names no broker");
  const stranger = others.findIndex(({ user }) => user !== first.user);
  if (stranger >= 0) {
    // What we are trusted with, and the name of our reply queue, hang on the user.
    throw new DroverError(
      "bad-request",
      `opening the bus: \`urls[${stranger + 1}]\` has another user than \`urls[0]\``,
    );
  }
  return [first, ...others];
}

/** Without the cause, which could quote it. @throws {DroverError} `bad-request`. */
function credential(text: string, position: number): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new DroverError(
      "bad-request",
      `opening the bus: \`urls[${position}]\` has a stray % in its user or password; write it as %25`,
    );
  }
}
