import { testsIn } from "../vitest.base.ts";

// They wait more than they work: for processes to start, to be missed, to come back.
export default testsIn("**", { unit: 2, services: 3 });
