import { headers, type MsgHdrs } from "@nats-io/transport-node";
import { isTrusted, maySpeakFor, type Trust } from "../sender.ts";
import { senderOf } from "./subjects.ts";

/**
 * Header of a message that one of us published in the place of another's: a parked message, and what is sent again of it.
 * It says whose it was. A subject says only whose word that is, so it is believed from those who could have sent the
 * message themselves, and from nobody else.
 */
const SENDER_HEADER = "Drover-Sender";

/** Whose a cast is: its subject's last token, or whom a trusted user names. */
export function originOf(subject: string, found: MsgHdrs | undefined, trust: Trust): string {
  const user = senderOf(subject);
  return isTrusted(user, trust) ? named(found, user) : user;
}

/** Whose a parked message was: what the one who parked it says, where that one may speak for its target. */
export function parkedOrigin(subject: string, found: MsgHdrs, server: string | undefined, trust: Trust): string {
  const user = senderOf(subject);
  return maySpeakFor(user, server, trust) ? named(found, user) : user;
}

export function originHeader(user: string): MsgHdrs {
  const written = headers();
  written.set(SENDER_HEADER, encodeURIComponent(user));
  return written;
}

function named(found: MsgHdrs | undefined, otherwise: string): string {
  const text = found?.get(SENDER_HEADER) ?? "";
  try {
    return text === "" ? otherwise : decodeURIComponent(text);
  } catch {
    return otherwise;
  }
}
