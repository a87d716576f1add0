export { thinHistory, upToNewest } from "./history.ts";
export { type MemoryProgressOptions, openMemoryProgress } from "./open-memory-progress.ts";
export { openProgress, type ProgressSettings } from "./open-progress.ts";
export { openRedisProgress, type RedisProgressOptions } from "./open-redis-progress.ts";
export type {
  ChangeNotice,
  MigrationPlace,
  ProgressCache,
  ProgressListener,
} from "./progress-cache.ts";
export { type ProgressFlush, type ProgressFlushOptions, startProgressFlush } from "./start-progress-flush.ts";
