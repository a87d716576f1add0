// Lab hosts and guests.

// For tests of any kind.
export { cacheFolder } from "./cache-folder.ts";
// Drover as separate processes.
export {
  type DroverProcess,
  type DroverProcessOptions,
  type DroverServiceName,
  startDroverProcess,
} from "./drover/drover-process.ts";
export { type DroverOptions, type RunningDrover, startDrover } from "./drover/start-drover.ts";
// Trouble.
export type { Fault } from "./faults/fault.ts";
export { type LabFaults, labFaults, libvirtdOf, type Mortal } from "./faults/lab-faults.ts";
export { CONTROL_PLANE, type CutMode, type LabLink } from "./faults/link-faults.ts";
export type { SmallDisk } from "./faults/small-disk.ts";
export { type ConsoleReport, parseConsole, parseConsoleLine } from "./guest/console-report.ts";
export type { CompleteGuestSpec, GuestSpec } from "./guest/guest-definition.ts";
export { type GuestImage, guestImage } from "./guest/guest-image.ts";
export { type LabGuest, labGuest } from "./guest/lab-guest.ts";
export { type Standstill, type StandstillWatch, watchStandstill } from "./guest/standstill.ts";
export { type Lab, type LabOptions, startLab } from "./lab/lab.ts";
export { createLabAuthority, type LabAuthority } from "./lab/lab-authority.ts";
export type { HostCertificateOptions, LabHost } from "./lab/lab-host.ts";
export type { LabAddresses, LabNetworkName } from "./lab/lab-network.ts";
// `npm run lab`.
export { type LabCommandOptions, labCommand } from "./lab-command/lab-command.ts";
export { type SeverableProxy, startSeverableProxy } from "./network/severable-proxy.ts";
// What the machine can do.
export { type InstallOptions, installDebianPackages } from "./platform/debian-packages.ts";
export { missingDebianPackages, type Tier, type TierAvailability, tierAvailability } from "./platform/tiers.ts";
export { freePort } from "./process/free-port.ts";
export {
  createOwnedFolder,
  leftoversOf,
  type OwnedFolder,
  type OwnedFolderOptions,
  stopGroup,
} from "./process/owned-folder.ts";
export { type CommandOptions, type CommandOutput, runCommand } from "./process/run-command.ts";
export { type PythonOptions, type PythonProgram, startPython } from "./process/start-python.ts";
// Real brokers, databases and volumes.
export { type Certificates, createCertificates, type TlsOptions } from "./services/create-certificates.ts";
export type { RealService, ServiceOptions } from "./services/real-service.ts";
export { type CephCluster, startCephCluster } from "./services/start-ceph-cluster.ts";
export { type IscsiOptions, type IscsiTarget, startIscsiTarget } from "./services/start-iscsi-target.ts";
export { type Keystone, startKeystone } from "./services/start-keystone.ts";
export { type Nats, type NatsOptions, type NatsUser, startNats } from "./services/start-nats.ts";
export { type NbdOptions, type NbdServer, startNbdServer } from "./services/start-nbd-server.ts";
export { type Postgres, startPostgres } from "./services/start-postgres.ts";
export { type RabbitMq, type RabbitMqUser, startRabbitMq } from "./services/start-rabbitmq.ts";
export { startRedis } from "./services/start-redis.ts";
export { type RedisCluster, startRedisCluster } from "./services/start-redis-cluster.ts";
export { TestkitError } from "./testkit-error.ts";
export { type WaitOptions, waitFor } from "./wait-for.ts";
