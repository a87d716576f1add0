import { createParser, type EventSourceMessage } from "eventsource-parser";
import { ApiError, ApiUnreachableError } from "./api-error.ts";

/** Three of the server's heartbeats: a connection that is silent for so long is dead, ms. */
const SILENCE_MS = 45_000;
const DEFAULT_RETRY_MS = 2_000;

/** What passes time: a test's own, or the machine's. */
export interface StreamClock {
  monotonicMs(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface EventStreamOptions {
  /** Go on after this event: the `lastEventId` of one that came before. @default begin with a snapshot */
  readonly lastEventId?: string;
  /** Ends the stream: the iterator rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** How long the API may be away before the iterator rejects, ms. @default 30000 */
  readonly patienceMs?: number;
  /** Told when the connection was lost, and that it is tried again. */
  readonly onTrouble?: (error: unknown) => void;
  /** @default the machine's */
  readonly clock?: StreamClock;
}

/** An event, and the name by which a stream goes on after it. */
export type Received<Event> = Event & { readonly lastEventId: string };

interface Connection {
  /** Opens the stream, after the event of that id. @throws `ApiError`, `ApiUnreachableError` */
  readonly open: (headers: Readonly<Record<string, string>>, signal: AbortSignal) => Promise<Response>;
  readonly url: string;
}

/**
 * The events of a stream, for as long as there are any: a connection that is lost is made anew and goes on after the last event,
 * so that none is lost and none comes twice. Ends when the server says that nothing more will come.
 *
 * @throws `ApiError` when Drover refuses; `ApiUnreachableError` when it is away for longer than `patienceMs`
 */
export async function* eventStream<Event extends { readonly event: string; readonly data: unknown }>(
  { open, url }: Connection,
  options: EventStreamOptions,
): AsyncGenerator<Received<Event>, void, undefined> {
  const { signal, patienceMs = 30_000, onTrouble, clock = machineClock } = options;
  let { lastEventId = "" } = options;
  let retryMs = DEFAULT_RETRY_MS;
  let awaySinceMs: number | undefined;
  const onSignOfLife = () => {
    awaySinceMs = undefined;
  };
  for (;;) {
    try {
      const headers = { accept: "text/event-stream", ...(lastEventId !== "" && { "last-event-id": lastEventId }) };
      const ends = new AbortController();
      const silence = setTimeout(() => ends.abort(new Error("nothing was heard of it for 45 s")), SILENCE_MS);
      const either = signal === undefined ? ends.signal : AbortSignal.any([signal, ends.signal]);
      try {
        const response = await open(headers, either);
        if (response.status === 204) return;
        onSignOfLife();
        const onText = () => {
          silence.refresh();
          onSignOfLife();
        };
        for await (const message of messagesOf(response, onText)) {
          if (typeof message === "number") {
            retryMs = message;
            continue;
          }
          if (message.id !== undefined) lastEventId = message.id;
          if (message.event !== undefined) yield received<Event>(message, lastEventId);
        }
      } finally {
        clearTimeout(silence);
        // Also when the caller has enough: the connection is given back.
        ends.abort();
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (!isPassing(error)) throw error;
      const cut = new ApiUnreachableError(url, `the event stream of ${url} was cut`, { cause: error });
      const trouble = error instanceof ApiError || error instanceof ApiUnreachableError ? error : cut;
      awaySinceMs ??= clock.monotonicMs();
      if (clock.monotonicMs() - awaySinceMs >= patienceMs) throw trouble;
      onTrouble?.(trouble);
    }
    await clock.sleep(retryMs * (0.75 + Math.random() / 2), signal).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw error;
    });
  }
}

/** Events, and in between how long to wait before connecting anew, ms. */
async function* messagesOf(
  { body }: Response,
  onSignOfLife: () => void,
): AsyncGenerator<EventSourceMessage | number, void, undefined> {
  const ready: (EventSourceMessage | number)[] = [];
  const parser = createParser({ onEvent: (event) => ready.push(event), onRetry: (ms) => ready.push(ms) });
  for await (const text of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    onSignOfLife();
    parser.feed(text);
    yield* ready.splice(0);
  }
}

/** The kinds and their data are /v1's; one of a newer Drover arrives as it is. */
function received<Event>({ event, data }: EventSourceMessage, lastEventId: string): Received<Event> {
  const of: unknown = { event, data: JSON.parse(data), lastEventId };
  return of as Received<Event>;
}

/** May be over in a moment: nobody there, a connection that was cut, a part of Drover that starts again, too much at once. */
function isPassing(error: unknown): boolean {
  return !(error instanceof ApiError) || error.status >= 502 || error.status === 429;
}

const machineClock: StreamClock = {
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", end);
        resolve();
      }, ms);
      if (signal?.aborted === true) end();
      else signal?.addEventListener("abort", end, { once: true });
    }),
};
