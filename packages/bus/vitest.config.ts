import { mergeConfig } from "vitest/config";
import base from "../../vitest.base.ts";

// Its tests wait more than they work: for brokers to start, to be missed, to come back. Two files at a time halve that.
export default mergeConfig(base, { test: { fileParallelism: true, maxWorkers: 2 } });
