import { VIR_DOMAIN_UNDEFINE } from "@drover/libvirt";
import { expect, test } from "vitest";
import { undefineFlags } from "./undefine-flags.ts";

const { VIR_DOMAIN_UNDEFINE_KEEP_NVRAM, VIR_DOMAIN_UNDEFINE_KEEP_TPM } = VIR_DOMAIN_UNDEFINE;

test.each([
  [8_008_000, VIR_DOMAIN_UNDEFINE_KEEP_NVRAM],
  [8_009_000, VIR_DOMAIN_UNDEFINE_KEEP_NVRAM | VIR_DOMAIN_UNDEFINE_KEEP_TPM],
])("libvirt %i is asked to keep what it can keep of a guest that is elsewhere", (libvirtVersion, flags) => {
  expect(undefineFlags(libvirtVersion)).toBe(flags);
});
