import { testsIn } from "../../vitest.base.ts";

// Its tests wait more than they work: for servers to start, to end, to be there again.
export default testsIn("src/**", { services: 2 });
