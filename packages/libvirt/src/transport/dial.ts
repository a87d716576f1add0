import net from "node:net";
import { DroverError } from "@drover/model";
import { connected } from "./connected.ts";
import type { LibvirtAddress } from "./libvirt-uri.ts";
import { dialTls, type TlsMaterial } from "./tls-dialer.ts";
import { refusalOf } from "./tls-refusal.ts";

export interface DialOptions {
  /** @default 10000 */
  readonly connectDeadlineMs?: number;
  readonly signal?: AbortSignal;
  /** Certificates as PEM; without it they are read from the URI's `pkipath` or libvirt's usual places. */
  readonly tls?: TlsMaterial;
}

/**
 * Opens a socket to a libvirtd. For TLS the handshake and libvirtd's confirmation are over when this resolves.
 *
 * @throws {DroverError} `unavailable` if nobody listens or the connection could not be made; nothing was asked of
 *   libvirtd then. `deadline-exceeded` after `connectDeadlineMs`. `refused` if libvirtd did not accept our certificate, or we not its.
 */
export async function dial(address: LibvirtAddress, options: DialOptions = {}): Promise<net.Socket> {
  const where = address.transport === "unix" ? address.socketPath : `${address.host}:${address.port}`;
  const connectDeadlineMs = options.connectDeadlineMs ?? 10_000;
  options.signal?.throwIfAborted();
  const late = AbortSignal.timeout(connectDeadlineMs);
  const stop = options.signal === undefined ? late : AbortSignal.any([options.signal, late]);
  try {
    switch (address.transport) {
      case "unix":
        return await connected(net.connect({ path: address.socketPath }), "connect", stop);
      case "tcp":
        return await connected(net.connect({ host: address.host, port: address.port, noDelay: true }), "connect", stop);
      case "tls":
        return await dialTls(address, options.tls, stop);
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    if (late.aborted) {
      throw new DroverError(
        "deadline-exceeded",
        `no connection to libvirtd at ${where} within ${connectDeadlineMs} ms`,
        {
          details: { address: where, connectDeadlineMs },
        },
      );
    }
    if (error instanceof DroverError) throw error;
    const refusal = refusalOf(error, where);
    if (refusal !== undefined) throw refusal;
    throw new DroverError("unavailable", `libvirtd at ${where} cannot be reached; is it running, and may we connect?`, {
      cause: error,
      details: { address: where },
    });
  }
}
