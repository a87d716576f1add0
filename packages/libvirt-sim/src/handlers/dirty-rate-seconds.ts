import { LibvirtError } from "@drover/libvirt";

const MIN_SECONDS = 1;
const MAX_SECONDS = 60;

/** The period of a dirty-rate measurement. @throws {LibvirtError} VIR_ERR_CONFIG_UNSUPPORTED outside 1 to 60 s. */
export function dirtyRateSeconds(seconds: number): number {
  if (seconds >= MIN_SECONDS && seconds <= MAX_SECONDS) return seconds;
  throw LibvirtError.refusal(
    "VIR_ERR_CONFIG_UNSUPPORTED",
    `unsupported configuration: seconds=${seconds} is invalid, please choose value within [${MIN_SECONDS}, ${MAX_SECONDS}].`,
  );
}
