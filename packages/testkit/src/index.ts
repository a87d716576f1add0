export { type Lab, type LabOptions, startLab } from "./lab/lab.ts";
export type { LabHost } from "./lab/lab-host.ts";
export { TestkitError } from "./testkit-error.ts";
export { type WaitOptions, waitFor } from "./wait-for.ts";
