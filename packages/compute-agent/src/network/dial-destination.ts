import { TLSSocket } from "node:tls";
import { type ConnectionOptions, dial, type LibvirtAddress, parseLibvirtUri } from "@drover/libvirt";
import { isDroverError } from "@drover/model";
import { networkProblem } from "./knock.ts";

/** What dialling a destination's libvirtd came to. */
export type Dialled =
  | { readonly kind: "answers"; readonly where: string; readonly ms: number; readonly certificateUntil: string | null }
  /** The end of a sentence. */
  | { readonly kind: "fails"; readonly where: string; readonly problem: string }
  /** Not tried, and why. */
  | { readonly kind: "untried"; readonly why: string };

/** As for {@link Knock}: a network that needs longer carries no live migration, ms. */
const PATIENCE_MS = 3_000;

/**
 * Dials a libvirtd as this host's libvirtd would, and hangs up: TCP, and for TLS the handshake with the host's own client
 * certificate and libvirtd's word that it accepts that. Nothing is asked of it. Never rejects.
 *
 * @param dialler How other hosts' libvirtd are dialled. @default over the network
 */
export async function dialDestination(uri: string, dialler: ConnectionOptions["dial"] = dial): Promise<Dialled> {
  let address: LibvirtAddress;
  try {
    address = parseLibvirtUri(uri);
  } catch {
    return { kind: "untried", why: `the transport of ${uri} is libvirt's alone` };
  }
  if (address.transport === "unix") return { kind: "untried", why: `${uri} is no address on a network` };
  const where = `${address.host}:${address.port}`;
  const began = performance.now();
  try {
    const socket = await dialler(address, { connectDeadlineMs: PATIENCE_MS });
    const ms = Math.round(performance.now() - began);
    const certificateUntil = socket instanceof TLSSocket ? socket.getPeerCertificate().valid_to : null;
    socket.destroy();
    return { kind: "answers", where, ms, certificateUntil };
  } catch (error) {
    return judged(where, error);
  }
}

function judged(where: string, error: unknown): Dialled {
  // Without certificates of its own that it may read, the agent cannot do what libvirtd does.
  if (isDroverError(error, "bad-request")) return { kind: "untried", why: error.message };
  if (isDroverError(error, "refused")) return { kind: "fails", where, problem: error.message };
  if (isDroverError(error, "deadline-exceeded")) {
    return { kind: "fails", where, problem: `nothing came back within ${PATIENCE_MS / 1000} s` };
  }
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return { kind: "fails", where, problem: networkProblem(cause) };
}
