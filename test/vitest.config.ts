import { testsIn } from "../vitest.base.ts";

export default testsIn("**");
