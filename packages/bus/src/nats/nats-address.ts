import { DroverError } from "@drover/model";

/** Who we are to a server that asks for no users. */
export const NOBODY = "anonymous";

export interface NatsAddress {
  /** `host:port`: for the dialer and for people. */
  readonly server: string;
  readonly tls: boolean;
  /** Undefined where the address names no user. */
  readonly credentials: { readonly user: string; readonly pass: string } | undefined;
}

/** The servers to try, and the user that they know us by. */
export interface NatsAddresses {
  readonly addresses: readonly [NatsAddress, ...NatsAddress[]];
  readonly user: string;
}

/**
 * @throws {DroverError} `bad-request` naming the position of a wrong address, and never the address: it holds a password.
 * All must name the same user: subjects carry it, and a server lets nobody else publish there.
 */
export function natsAddresses(urls: readonly string[]): NatsAddresses {
  const [first, ...others] = urls.map(readAddress);
  if (first === undefined) throw new DroverError("bad-request", "opening the bus: `urls` names no server");
  const user = first.credentials?.user ?? NOBODY;
  const other = others.findIndex(({ credentials }) => (credentials?.user ?? NOBODY) !== user);
  if (other === -1) return { addresses: [first, ...others], user };
  throw new DroverError("bad-request", `opening the bus: \`urls[${other + 1}]\` names another user than \`urls[0]\``);
}

function readAddress(text: string, position: number): NatsAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "nats:" && url.protocol !== "tls:") || url.hostname === "") {
    throw new DroverError("bad-request", `opening the bus: \`urls[${position}]\` is not a nats:// or tls:// address`);
  }
  const credentials = { user: decoded(url.username, position), pass: decoded(url.password, position) };
  return {
    server: `${url.hostname}:${url.port === "" ? "4222" : url.port}`,
    tls: url.protocol === "tls:",
    credentials: url.username === "" ? undefined : credentials,
  };
}

function decoded(part: string, position: number): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // Without the cause: it may quote what it could not decode.
    throw new DroverError(
      "bad-request",
      `opening the bus: \`urls[${position}]\` has a stray % in its user or password; write it as %25`,
    );
  }
}
