import { testsIn } from "../../vitest.base.ts";

// Its tests wait more than they work: for copies that take seconds.
export default testsIn("src/**", { unit: 3 });
