import { type LibvirtHandlers, VIR_CONNECT_LIST_STORAGE_POOLS, VIR_STORAGE_POOL } from "@drover/libvirt";
import { noStorageVolume } from "../refusals.ts";
import type { SimulatedHost } from "../simulated-host.ts";
import type { SimulatedPool } from "../storage-pools.ts";

/** The host's one storage pool, for looking. */
export function storageHandlers(host: SimulatedHost): LibvirtHandlers {
  const poolOf = ({ pool }: { readonly pool: { readonly name: string } }) => host.pools.byName(pool.name);
  const ref = ({ name, uuid }: SimulatedPool) => ({ name, uuid });
  const INACTIVE = VIR_CONNECT_LIST_STORAGE_POOLS.VIR_CONNECT_LIST_STORAGE_POOLS_INACTIVE;
  const ACTIVE = VIR_CONNECT_LIST_STORAGE_POOLS.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE;
  return {
    connectListAllStoragePools: ({ flags }) => {
      const onlyInactive = (flags & INACTIVE) !== 0 && (flags & ACTIVE) === 0;
      const pools = onlyInactive ? [] : host.pools.all.map(ref);
      return { pools, ret: pools.length };
    },
    storagePoolLookupByName: ({ name }) => ({ pool: ref(host.pools.byName(name)) }),
    storagePoolGetXMLDesc: (args) => ({ xml: host.pools.xml(poolOf(args)) }),
    storagePoolGetInfo: (args) => {
      const { capacityBytes } = poolOf(args);
      const state = VIR_STORAGE_POOL.VIR_STORAGE_POOL_RUNNING;
      return { state, capacity: capacityBytes, allocation: 0n, available: capacityBytes };
    },
    storagePoolIsActive: (args) => ({ active: poolOf(args).name !== "" }),
    storagePoolIsPersistent: (args) => ({ persistent: poolOf(args).name !== "" }),
    storagePoolGetAutostart: (args) => ({ autostart: poolOf(args).name !== "" }),
    storageVolLookupByName: (args) => {
      poolOf(args);
      throw noStorageVolume(args.name);
    },
  };
}
