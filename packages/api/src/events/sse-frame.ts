/**
 * One event of a `text/event-stream` (HTML, "Server-sent events"), ready to be written to any number of streams.
 *
 * @param data Becomes JSON, which holds no line break of its own: one `data` line is enough.
 * @param id What `Last-Event-ID` will name; without it the one before stays in force.
 */
export function sseFrame(event: string, data: unknown, id?: number): Buffer {
  const named = id === undefined ? "" : `id: ${id}\n`;
  return Buffer.from(`event: ${event}\n${named}data: ${JSON.stringify(data)}\n\n`);
}

/** A comment: keeps proxies from ending a silent stream, and shows a reader that it is still connected. */
export const HEARTBEAT = Buffer.from(":\n\n");

/** How long a reader waits before it connects again, ms. */
export const RETRY = Buffer.from("retry: 2000\n\n");
