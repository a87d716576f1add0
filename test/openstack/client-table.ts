/** Commands of stock clients, and what they end with and say. `{…}` as in `request-table.ts`. */
export interface ClientRow {
  /** The SDK's are methods of its compute proxy, with their arguments. */
  readonly command: string;
  /** Whose token it has. @default admin */
  readonly role?: "admin" | "operator" | "reader" | "nobody";
  /** @default 0 */
  readonly code?: number;
  /** Of its output and its errors together. */
  readonly says: RegExp;
}

const RUNNING = "openstack server show running -f value -c status";
const nothing = /^$/;

/** In this order: what one sets, another takes back. */
export const openstackRows: readonly ClientRow[] = [
  { command: "openstack server list", says: /moving +\| MIGRATING .* 2c-4096m/ },
  { command: "openstack server list --status MIGRATING -n -f value -c Name", says: /^moving\nwaiting\n$/ },
  { command: "openstack server list -n --long", says: /running +\| ACTIVE .* nova .* alpha/ },
  { command: RUNNING, says: /^ACTIVE\n$/ },
  { command: "openstack server show nosuch", code: 1, says: /No server with a name or ID of 'nosuch'/ },
  {
    ...{ command: "openstack server migrate --live-migration --host delta running", code: 1 },
    says: /Compute host delta could not be found\. \(HTTP 400\)/,
  },
  {
    ...{ command: "openstack server migrate --live-migration off", code: 1 },
    says: /Cannot 'os-migrateLive' instance {off} while it is in vm_state stopped \(HTTP 409\)/,
  },
  {
    ...{ command: "openstack server migrate --live-migration moving", code: 1 },
    says: /while it is in task_state migrating \(HTTP 409\)/,
  },
  { command: "openstack server migrate running", code: 1, says: /migrate: Drover moves .* \(HTTP 501\)/ },
  {
    command: "openstack server resize --flavor 2c-512m running",
    code: 1,
    says: /resize: Drover moves .* \(HTTP 501\)/,
  },
  { command: "openstack server evacuate running", code: 1, says: /evacuate: .* \(HTTP 501\)/ },
  { command: "openstack server migration confirm running", code: 1, says: /Cannot 'confirmResize' .* \(HTTP 409\)/ },
  { command: "openstack server migration list --server moving", says: /running .* {moving} .* live-migration/ },
  { command: "openstack server migration show moving {moving.id} -f value -c Status", says: /^running\n$/ },
  {
    ...{ command: "openstack server migration show moved {moved.id}", code: 1 },
    says: /Live migration {moved.id} for server {moved} is not in progress\. \(HTTP 404\)/,
  },
  {
    ...{ command: "openstack server migration abort running {moving.id}", code: 1 },
    says: /is in an invalid state for 'abort live migration' \(HTTP 409\)/,
  },
  {
    ...{ command: "openstack server migration abort moving 4711", code: 1 },
    says: /Migration 4711 not found for instance {moving} \(HTTP 404\)/,
  },
  {
    ...{ command: "openstack server migration force complete moving 4711", code: 1 },
    says: /Migration 4711 not found for instance {moving} \(HTTP 400\)/,
  },
  { command: "openstack server pause running", says: nothing },
  { command: RUNNING, says: /^PAUSED\n$/ },
  { command: "openstack server pause running", code: 1, says: /Cannot 'pause' .* vm_state paused/ },
  { command: "openstack server unpause running", says: nothing },
  { command: "openstack server lock --reason audit running", says: nothing },
  { command: "openstack server show running -f value -c locked -c locked_reason", says: /^True\naudit\n$/ },
  { command: "openstack server unlock running", says: nothing },
  { command: "openstack server set --state active running", says: nothing },
  { command: "openstack server set --state error running", code: 1, says: /libvirt has it running.* \(HTTP 409\)/ },
  { command: "openstack server event list moved", says: /{moved} +\| live-migration/ },
  { command: "openstack server event show moved req-1", code: 1, says: /Action req-1 not found \(HTTP 404\)/ },
  { command: "openstack compute service list", says: /nova-compute +\| gamma +\| nova +\| disabled +\| up/ },
  { command: "openstack compute service set --disable --disable-reason fan beta nova-compute", says: nothing },
  { command: "openstack compute service set --enable --down beta nova-compute", says: nothing },
  { command: "openstack compute service list -f value -c Host -c Status -c State", says: /^beta enabled down$/m },
  { command: "openstack compute service set --up beta nova-compute", says: nothing },
  {
    command: "openstack compute service delete {alpha}",
    code: 1,
    says: /Unable to delete compute service: .* has guests/,
  },
  { command: "openstack hypervisor list --long", says: /alpha +\| QEMU .* up/ },
  { command: "openstack hypervisor show alpha -f value -c hypervisor_hostname -c state", says: /^alpha\nup\n$/ },
  { command: "openstack hypervisor show {nobody}", code: 1, says: /No hypervisor with a name or ID of '{nobody}'/ },
  { command: "openstack hypervisor stats show -f value -c count", says: /^2\n$/ },
  { command: "openstack aggregate list -f value", says: /^1 fast west\n$/ },
  { command: "openstack aggregate show fast", says: /properties +\| ssd='true'/ },
  { command: "openstack availability zone list --compute -f value", says: /^nova available\nwest available\n$/ },
  { command: "openstack flavor list -f value -c ID", says: /^2c-4096m$/m },
  { command: "openstack server list -n", role: "nobody", code: 1, says: /token.* \(HTTP 401\)/ },
  {
    ...{ command: "openstack server migrate --live-migration running", role: "reader", code: 1 },
    says: /needs the role operator.* \(HTTP 403\)/,
  },
  {
    ...{ command: "openstack server migrate --live-migration locked", role: "operator", code: 1 },
    says: /Instance {locked} is locked \(HTTP 409\)/,
  },
];

export const novaRows: readonly ClientRow[] = [
  { command: "nova list", says: /moving +\| MIGRATING +\| migrating/ },
  { command: "nova server-migration-list moving", says: /running .* {moving}/ },
  { command: "nova server-migration-show moving {moving.id}", says: /dest_compute +\| beta/ },
  { command: "nova migration-list", says: /completed/ },
  { command: "nova instance-action-list moved", says: /live-migration/ },
  { command: "nova live-migration off", code: 1, says: /ERROR \(Conflict\): .* vm_state stopped \(HTTP 409\)/ },
  {
    command: "nova live-migration running delta",
    code: 1,
    says: /Compute host delta could not be found. \(HTTP 400\)/,
  },
  {
    ...{ command: "nova --os-compute-api-version 2.33 live-migration running gamma", code: 1 },
    says: /Migration pre-check error: .*gamma.* \(HTTP 400\)/,
  },
  {
    ...{ command: "nova --os-compute-api-version 2.24 live-migration running gamma", code: 1 },
    says: /Migration pre-check error: .*gamma.* \(HTTP 400\)/,
  },
  {
    ...{ command: "nova --os-compute-api-version 2.67 live-migration --force running", code: 1 },
    says: /Can't force to a non-provided destination \(HTTP 400\)/,
  },
  { command: "nova live-migration-abort running {moving.id}", code: 1, says: /'abort live migration' \(HTTP 409\)/ },
  {
    ...{ command: "nova --os-compute-api-version 2.64 live-migration-abort waiting {waiting.id}", code: 1 },
    says: /is queued\. Cannot abort live migration while the migration is in this state\. \(HTTP 400\)/,
  },
  {
    command: "nova live-migration-force-complete moving 4711",
    code: 1,
    says: /Migration 4711 not found.*\(HTTP 400\)/,
  },
  { command: "nova host-evacuate-live delta", code: 1, says: /No hypervisor matching 'delta' .* \(HTTP 404\)/ },
  { command: "nova service-list", says: /beta .* enabled +\| up/ },
  { command: "nova hypervisor-list", says: /gamma +\| up +\| disabled/ },
  { command: "nova --os-compute-api-version 2.87 hypervisor-stats", says: /vcpus +\| 32/ },
  { command: "nova --os-compute-api-version 2.87 hypervisor-uptime {alpha}", code: 1, says: /\(HTTP 501\)/ },
  { command: "nova lock running", says: /deprecated/ },
  { command: "nova unlock running", says: /deprecated/ },
  { command: "nova reset-state --active running", says: /succeeded; new state is active/ },
  { command: "nova reset-state running", code: 1, says: /libvirt has it running on alpha.* \(HTTP 409\)/ },
  { command: "nova rescue running", code: 1, says: /ERROR \(HTTPNotImplemented\): .* \(HTTP 501\)/ },
  { command: "nova --os-compute-api-version 2.91 list", code: 1, says: /valid version range is '2.1' to '2.90'/ },
  { command: "nova list", role: "nobody", code: 1, says: /ERROR \(Unauthorized\): .* \(HTTP 401\)/ },
];

export const sdkRows: readonly ClientRow[] = [
  { command: "sdk servers", says: /'name': 'moving'/ },
  { command: "sdk services", says: /'host': 'beta'/ },
  { command: "sdk hypervisors", says: /'name': 'alpha'/ },
  { command: "sdk aggregates", says: /'name': 'fast'/ },
  { command: "sdk availability_zones", says: /'name': 'west'/ },
  { command: "sdk migrations", says: /'migration_type': 'live-migration'/ },
  { command: "sdk get_server_migration {moving.id} {moving}", says: /'status': 'running'/ },
  { command: "sdk get_server_migration {moved.id} {moved}", code: 1, says: /ResourceNotFound: .* is not in progress/ },
  { command: "sdk live_migrate_server {off}", code: 1, says: /ConflictException: .* vm_state stopped/ },
  {
    command: "sdk live_migrate_server {running} delta",
    code: 1,
    says: /BadRequestException: .*delta could not be found/,
  },
  { command: "sdk force_complete_server_migration {moved.id} {moved}", code: 1, says: /'force_complete'/ },
  // It takes a 404 of a delete for success.
  { command: "sdk abort_server_migration 4711 {moving}", says: /None/ },
  { command: "sdk pause_server {off}", code: 1, says: /ConflictException: .* vm_state stopped/ },
  { command: "sdk servers", role: "nobody", code: 1, says: /HttpException: .*401/ },
];
