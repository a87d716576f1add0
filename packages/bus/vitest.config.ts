import { testsIn } from "../../vitest.base.ts";

// Its tests wait more than they work: for brokers to start, to be missed, to come back. Two files at a time halve that.
export default testsIn("src/**", { realAtOnce: 2 });
