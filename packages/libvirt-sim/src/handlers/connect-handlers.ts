import { type LibvirtHandlers, VIR_DRV_FEATURE } from "@drover/libvirt";
import { capabilitiesXml, domainCapabilitiesXml } from "../host-xml.ts";
import type { SimulatedHost } from "../simulated-host.ts";

/** libvirt's form of a version: major * 1,000,000 + minor * 1,000 + release. What the simulation claims to be. */
const LIBVIRT_VERSION = 9_000_000n;
const QEMU_VERSION = 7_002_000n;

const FEATURES: ReadonlySet<number> = new Set<number>([
  VIR_DRV_FEATURE.VIR_DRV_FEATURE_MIGRATION_P2P,
  VIR_DRV_FEATURE.VIR_DRV_FEATURE_MIGRATION_V2,
  VIR_DRV_FEATURE.VIR_DRV_FEATURE_MIGRATION_V3,
  VIR_DRV_FEATURE.VIR_DRV_FEATURE_MIGRATE_CHANGE_PROTECTION,
  VIR_DRV_FEATURE.VIR_DRV_FEATURE_TYPED_PARAM_STRING,
  VIR_DRV_FEATURE.VIR_DRV_FEATURE_PROGRAM_KEEPALIVE,
  VIR_DRV_FEATURE.VIR_DRV_FEATURE_XML_MIGRATABLE,
  VIR_DRV_FEATURE.VIR_DRV_FEATURE_MIGRATION_PARAMS,
  VIR_DRV_FEATURE.VIR_DRV_FEATURE_REMOTE_EVENT_CALLBACK,
  VIR_DRV_FEATURE.VIR_DRV_FEATURE_REMOTE_CLOSE_CALLBACK,
  VIR_DRV_FEATURE.VIR_DRV_FEATURE_NETWORK_UPDATE_HAS_CORRECT_ORDER,
]);

/** Who the host is. Opening, closing and authentication (none) are the session's own. */
export function connectHandlers(host: SimulatedHost): LibvirtHandlers {
  return {
    connectSupportsFeature: ({ feature }) => ({ supported: FEATURES.has(feature) }),
    connectGetType: () => ({ type: "QEMU" }),
    connectGetVersion: () => ({ hvVer: QEMU_VERSION }),
    connectGetLibVersion: () => ({ libVer: LIBVIRT_VERSION }),
    connectGetHostname: () => ({ hostname: host.name }),
    connectGetUri: () => ({ uri: "qemu:///system" }),
    connectGetCapabilities: () => ({ capabilities: capabilitiesXml(host.spec) }),
    connectGetDomainCapabilities: () => ({ capabilities: domainCapabilitiesXml(host.spec) }),
    connectIsSecure: () => ({ secure: true }),
    connectSetIdentity: () => ({}),
    connectGetMaxVcpus: () => ({ maxVcpus: 255 }),
  };
}
