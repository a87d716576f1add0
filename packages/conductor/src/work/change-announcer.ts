import { errorChain, type Logger } from "@drover/model";
import type { ProgressCache } from "@drover/progress";

/**
 * Tells all processes that records have changed, so that event streams and webhooks look at once. Changes that come while
 * one is being told are told together with one more word. One that gets lost costs a delay: who listens looks by itself too.
 */
export function changeAnnouncer(progress: Pick<ProgressCache, "announceChange">, logger: Logger): () => void {
  let telling = false;
  let more = false;

  async function tell(): Promise<void> {
    telling = true;
    do {
      more = false;
      await progress.announceChange().catch((error: unknown) => {
        logger.debug({ problem: errorChain(error) }, "a change of records could not be announced");
      });
    } while (more);
    telling = false;
  }

  return () => {
    more = true;
    if (!telling) void tell();
  };
}
