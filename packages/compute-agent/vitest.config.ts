import { testsIn } from "../../vitest.base.ts";

// Its tests wait more than they work: for simulated copies to go on.
export default testsIn("src/**", { unit: 3 });
