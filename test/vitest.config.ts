import { testsIn } from "../vitest.base.ts";

// They wait more than they work: for processes to start, to be missed, to come back.
const longest = [
  ...["fleet/step-walk.test.ts", "chaos/sim/simulation.test.ts", "fleet/crash-walk.test.ts", "fleet/undo-walk.test.ts"],
  ...["integration/separate-processes.contract.test.ts", "guides/guides.contract.test.ts"],
  "examples/python-over-rabbitmq.contract.test.ts",
];
export default testsIn("**", { unit: 2, services: 3 }, longest);
