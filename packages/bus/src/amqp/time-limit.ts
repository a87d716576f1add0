import { type Clock, DroverError } from "@drover/model";

/**
 * What `work` gives. Once the time is up, the signal is aborted: what has not begun by then need not begin.
 *
 * @throws {DroverError} `unavailable` after `limitMs`; the work may have been done all the same.
 */
export async function withinTime<Result>(
  doing: string,
  limitMs: number,
  clock: Clock,
  work: (tooLate: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const ended = new AbortController();
  const late = new AbortController();
  const timeout = clock.sleep(limitMs, ended.signal).then(() => {
    const error = new DroverError("unavailable", `${doing}: no answer from the broker within ${limitMs} ms`);
    late.abort(error);
    throw error;
  });
  try {
    return await Promise.race([work(late.signal), timeout]);
  } finally {
    ended.abort();
    timeout.catch(() => {});
  }
}
