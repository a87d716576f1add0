export type { ProgressCache, ProgressListener } from "./progress-cache.ts";
