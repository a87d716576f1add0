/** A fleet's size in figures: what its progress costs, what 10,000 hosts do to the services, 2,000 migrations at once, and Redis away. */
import type { Bench } from "./bench.ts";
import { burst } from "./fleet/burst.ts";
import { knownFleet } from "./fleet/known-fleet.ts";
import { progressCost } from "./fleet/progress-cost.ts";
import { redisOutage } from "./fleet/redis-outage.ts";

const parts: Readonly<Record<string, Bench>> = {
  progress: progressCost,
  known: knownFleet,
  burst,
  outage: redisOutage,
};

/** Its parts one after the other, on servers of their own, or one of them alone. */
export const fleet: Bench = async (options) => {
  const { only } = options;
  const part = only === undefined ? undefined : parts[only];
  if (only !== undefined && part === undefined) {
    throw new RangeError(`--only: fleet has no part ${only}; it is one of ${Object.keys(parts).join(", ")}`);
  }
  let figures = {};
  let ratios = {};
  for (const each of part === undefined ? Object.values(parts) : [part]) {
    const result = await each(options);
    figures = { ...figures, ...result.figures };
    ratios = { ...ratios, ...result.ratios };
  }
  return { figures, ratios };
};
