import { createHmac } from "node:crypto";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { DroverError, type Webhook } from "@drover/model";
import { guardedLookup, type ReceiverRules, requireAllowedHost } from "./receiver-address.ts";

/** A receiver that has not answered by then has failed, ms. */
const TIMEOUT_MS = 10_000;

/** What is sent: the name of the event, what tells it from all others, and its JSON. */
export interface SentEvent {
  readonly event: "change" | "test";
  readonly id: string;
  readonly body: string;
}

/** A receiver said no. */
export class ReceiverRefusal extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`it answered HTTP ${status}${status >= 300 && status < 400 ? ", and redirects are not followed" : ""}`);
    this.status = status;
  }
}

/**
 * `t=<unix time>,v1=<hex>`: HMAC-SHA256, keyed with the webhook's secret, of the time, a dot and the body. The time is signed so
 * that what somebody has recorded cannot be sent again later.
 */
export function signatureOf(secret: string, body: string, unixSeconds: number): string {
  const mac = createHmac("sha256", secret).update(`${unixSeconds}.${body}`).digest("hex");
  return `t=${unixSeconds},v1=${mac}`;
}

/**
 * Sends one event; resolves when the receiver has answered with success (2xx).
 *
 * @throws {ReceiverRefusal} for any other answer. {DroverError} `refused` for an address that nothing is sent to,
 *   `unavailable` when there was no answer
 */
export async function postEvent(
  webhook: Pick<Webhook, "id" | "url" | "secret">,
  { event, id, body }: SentEvent,
  options: { readonly rules: ReceiverRules; readonly now: Date; readonly signal: AbortSignal },
): Promise<void> {
  const { rules, now, signal } = options;
  const url = new URL(webhook.url);
  requireAllowedHost(url, rules);
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const request = send(url, {
    method: "POST",
    // A connection of its own: an address is looked at each time.
    agent: false,
    lookup: guardedLookup(rules),
    signal: AbortSignal.any([signal, timeout]),
    headers: {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
      "user-agent": "drover",
      "drover-event": event,
      "drover-event-id": id,
      "drover-webhook": webhook.id,
      "drover-signature": signatureOf(webhook.secret, body, Math.floor(now.getTime() / 1000)),
    },
  });
  request.on("error", reject);
  // After any other end too: one that answers by changing the protocol ends without a word.
  request.on("close", () => reject(new Error("it closed the connection without an answer")));
  request.on("response", (response) => {
    // What it says beside the status is of no use, and may be of any length.
    response.destroy();
    resolve(response.statusCode ?? 0);
  });
  request.end(body);
  const status = await promise.catch((error: unknown) => {
    signal.throwIfAborted();
    if (error instanceof DroverError) throw error;
    const timedOut = timeout.aborted;
    const what = timedOut ? `there was no answer within ${TIMEOUT_MS / 1000} s` : "it cannot be reached";
    throw new DroverError("unavailable", what, { cause: timedOut ? undefined : error });
  });
  if (status < 200 || status >= 300) throw new ReceiverRefusal(status);
}
