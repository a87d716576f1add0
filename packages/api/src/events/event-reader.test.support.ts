/** For tests: one reader of an event stream, over a real connection. */
interface HeardEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface EventReader extends AsyncDisposable {
  readonly status: number;
  readonly headers: Headers;
  readonly heard: readonly HeardEvent[];
  /** Resolves with the events of a kind when there are so many. */
  until(event: string, count: number): Promise<readonly HeardEvent[]>;
  /** Resolves when the stream has ended in order; rejects when it was cut. */
  readonly ended: Promise<void>;
}

export async function readEvents(url: string, headers: Record<string, string> = {}): Promise<EventReader> {
  const stop = new AbortController();
  const response = await fetch(url, { headers, signal: stop.signal });
  const heard: HeardEvent[] = [];
  const waiting = new Set<() => void>();
  const ended = listen(response, (event) => {
    heard.push(event);
    for (const look of [...waiting]) look();
  });
  // Most tests leave before the end, and nobody waits for how that looks from here.
  ended.catch(() => undefined);
  return {
    status: response.status,
    headers: response.headers,
    heard,
    until: (event, count) =>
      new Promise((resolve) => {
        const look = () => {
          const found = heard.filter((one) => one.event === event);
          if (found.length < count) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
    ended,
    [Symbol.asyncDispose]: async () => stop.abort(),
  };
}

async function listen(response: Response, hear: (event: HeardEvent) => void): Promise<void> {
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const lines = block.split("\n").map((line) => line.split(": "));
      const fields = new Map(lines.map(([name = "", ...rest]) => [name, rest.join(": ")]));
      const event = fields.get("event");
      if (event !== undefined) hear({ event, id: fields.get("id"), data: JSON.parse(fields.get("data") ?? "") });
    }
  }
}
