import { testsIn } from "../../vitest.base.ts";

// Its tests wait more than they work: for brokers to start, to be missed, to come back.
export default testsIn("src/**", { services: 3 });
