import {
  type LibvirtHandlers,
  VIR_CONNECT_LIST_STORAGE_POOLS,
  VIR_STORAGE_POOL,
  VIR_STORAGE_POOL_CREATE,
} from "@drover/libvirt";
import type { SimulatedPool, StoragePools } from "../storage-pools.ts";
import { parsePoolXml } from "../storage-xml.ts";
import { done } from "./done.ts";

const LIST = VIR_CONNECT_LIST_STORAGE_POOLS;
const CREATE = VIR_STORAGE_POOL_CREATE;

/** Flags that have libvirt make a pool's folder when it starts it. */
const WITH_BUILD =
  CREATE.VIR_STORAGE_POOL_CREATE_WITH_BUILD |
  CREATE.VIR_STORAGE_POOL_CREATE_WITH_BUILD_OVERWRITE |
  CREATE.VIR_STORAGE_POOL_CREATE_WITH_BUILD_NO_OVERWRITE;

/** A host's storage pools. */
export function storagePoolHandlers(pools: StoragePools): LibvirtHandlers {
  const poolOf = ({ pool }: { readonly pool: { readonly uuid: string } }) => pools.byUuid(pool.uuid);
  const ref = ({ name, uuid }: SimulatedPool) => ({ name, uuid });
  return {
    connectListAllStoragePools: ({ flags }) => {
      const listed = pools.all.filter((pool) => isListed(pool, flags)).map(ref);
      return { pools: listed, ret: listed.length };
    },
    storagePoolLookupByName: ({ name }) => ({ pool: ref(pools.byName(name)) }),
    storagePoolLookupByUUID: ({ uuid }) => ({ pool: ref(pools.byUuid(uuid)) }),
    storagePoolLookupByTargetPath: ({ path }) => ({ pool: ref(pools.byTargetPath(path)) }),
    storagePoolLookupByVolume: ({ vol }) => ({ pool: ref(pools.byVolume(vol.key)) }),
    storagePoolGetXMLDesc: (args) => ({ xml: pools.xml(poolOf(args)) }),
    storagePoolGetInfo: (args) => {
      const pool = poolOf(args);
      const { VIR_STORAGE_POOL_RUNNING, VIR_STORAGE_POOL_INACTIVE } = VIR_STORAGE_POOL;
      const { capacityBytes, allocationBytes } = pools.sizes(pool);
      return {
        state: pool.active ? VIR_STORAGE_POOL_RUNNING : VIR_STORAGE_POOL_INACTIVE,
        capacity: capacityBytes,
        allocation: allocationBytes,
        available: capacityBytes - allocationBytes,
      };
    },
    storagePoolIsActive: (args) => ({ active: poolOf(args).active }),
    storagePoolIsPersistent: (args) => ({ persistent: poolOf(args).persistent }),
    storagePoolGetAutostart: (args) => ({ autostart: poolOf(args).autostart }),
    storagePoolSetAutostart: done((args) => {
      poolOf(args).autostart = args.autostart;
    }),
    storagePoolCreateXML: ({ xml, flags }) => ({
      pool: ref(pools.create(parsePoolXml(xml), (flags & WITH_BUILD) !== 0)),
    }),
    storagePoolDefineXML: ({ xml }) => ({ pool: ref(pools.define(parsePoolXml(xml))) }),
    storagePoolBuild: done((args) => pools.build(poolOf(args))),
    storagePoolCreate: done((args) => {
      const pool = poolOf(args);
      if ((args.flags & WITH_BUILD) !== 0) pools.build(pool);
      pools.start(pool);
    }),
    storagePoolRefresh: done((args) => pools.refresh(poolOf(args))),
    storagePoolDestroy: done((args) => pools.stop(poolOf(args))),
    storagePoolUndefine: done((args) => pools.undefine(poolOf(args))),
    storagePoolListAllVolumes: (args) => {
      const vols = pools.volumes(poolOf(args)).map(({ pool, name, path }) => ({ pool: pool.name, name, key: path }));
      return { vols, ret: vols.length };
    },
  };
}

/** Filters of one kind exclude each other; without any of a kind all pass. */
function isListed(pool: SimulatedPool, flags: number): boolean {
  const passes = (yes: number, no: number, is: boolean) =>
    (flags & (yes | no)) === 0 || (flags & (is ? yes : no)) !== 0;
  return (
    passes(LIST.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE, LIST.VIR_CONNECT_LIST_STORAGE_POOLS_INACTIVE, pool.active) &&
    passes(
      LIST.VIR_CONNECT_LIST_STORAGE_POOLS_PERSISTENT,
      LIST.VIR_CONNECT_LIST_STORAGE_POOLS_TRANSIENT,
      pool.persistent,
    )
  );
}
