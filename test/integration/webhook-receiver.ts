import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** A request that came, whether it was answered or not. */
export interface HeardEvent {
  readonly id: number;
  readonly body: string;
  readonly signature: string;
}

/** Takes what a webhook is told, as far as a test needs it. */
export interface WebhookReceiver extends AsyncDisposable {
  readonly url: string;
  readonly heard: readonly HeardEvent[];
  /** Until then nothing is answered. */
  letGo(): void;
}

export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const heard: HeardEvent[] = [];
  const held = Promise.withResolvers<void>();
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const { "drover-event-id": id, "drover-signature": signature } = request.headers;
    heard.push({ id: Number(id), body, signature: String(signature) });
    await held.promise;
    response.writeHead(204).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    heard,
    letGo: held.resolve,
    [Symbol.asyncDispose]: async () => {
      held.resolve();
      server.closeAllConnections();
      server.close();
    },
  };
}

/** As the guide tells receivers to check it. */
export function isSigned({ body, signature }: HeardEvent, secret: string): boolean {
  const [, time, mac] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(signature) ?? [];
  return mac === createHmac("sha256", secret).update(`${time}.${body}`).digest("hex");
}
