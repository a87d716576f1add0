import type { StoragePool, StorageVol } from "../procedures/shared-structures.ts";
import type { CallOptions } from "../wire/call-options.ts";
import type { Call } from "./call.ts";
import { type OpenStream, volumeStreams } from "./volume-streams.ts";

/** virStoragePool… */
export function storagePoolCalls(call: Call) {
  return {
    /** @param flags VIR_CONNECT_LIST_STORAGE_POOLS_…; 0 lists all. */
    listAll: async (flags = 0, options?: CallOptions) =>
      (await call("connectListAllStoragePools", { needResults: true, flags }, options)).pools,
    lookupByName: async (name: string, options?: CallOptions) =>
      (await call("storagePoolLookupByName", { name }, options)).pool,
    lookupByUUID: async (uuid: string, options?: CallOptions) =>
      (await call("storagePoolLookupByUUID", { uuid }, options)).pool,
    /** The pool whose target is this folder (4.1.0). */
    lookupByTargetPath: async (path: string, options?: CallOptions) =>
      (await call("storagePoolLookupByTargetPath", { path }, options)).pool,
    lookupByVolume: async (vol: StorageVol, options?: CallOptions) =>
      (await call("storagePoolLookupByVolume", { vol }, options)).pool,
    /** @param flags VIR_STORAGE_XML_… */
    getXMLDesc: async (pool: StoragePool, flags = 0, options?: CallOptions) =>
      (await call("storagePoolGetXMLDesc", { pool, flags }, options)).xml,
    /** VIR_STORAGE_POOL_… state; sizes in bytes. */
    getInfo: (pool: StoragePool, options?: CallOptions) => call("storagePoolGetInfo", { pool }, options),
    isActive: async (pool: StoragePool, options?: CallOptions) =>
      (await call("storagePoolIsActive", { pool }, options)).active,
    /** Whether libvirtd starts it when it starts. */
    getAutostart: async (pool: StoragePool, options?: CallOptions) =>
      (await call("storagePoolGetAutostart", { pool }, options)).autostart,
    setAutostart: async (pool: StoragePool, autostart: boolean, options?: CallOptions) => {
      await call("storagePoolSetAutostart", { pool, autostart }, options);
    },
    /** Makes and starts a transient pool. @param flags VIR_STORAGE_POOL_CREATE_… */
    createXML: async (xml: string, flags = 0, options?: CallOptions) =>
      (await call("storagePoolCreateXML", { xml, flags }, options)).pool,
    defineXML: async (xml: string, options?: CallOptions) =>
      (await call("storagePoolDefineXML", { xml, flags: 0 }, options)).pool,
    /** Makes the pool's storage, such as its folder. @param flags VIR_STORAGE_POOL_BUILD_… */
    build: async (pool: StoragePool, flags = 0, options?: CallOptions) => {
      await call("storagePoolBuild", { pool, flags }, options);
    },
    /** Starts a defined pool. */
    create: async (pool: StoragePool, flags = 0, options?: CallOptions) => {
      await call("storagePoolCreate", { pool, flags }, options);
    },
    /** Looks again at what volumes there are. */
    refresh: async (pool: StoragePool, options?: CallOptions) => {
      await call("storagePoolRefresh", { pool, flags: 0 }, options);
    },
    /** Stops a pool; its volumes stay. */
    destroy: async (pool: StoragePool, options?: CallOptions) => {
      await call("storagePoolDestroy", { pool }, options);
    },
    undefine: async (pool: StoragePool, options?: CallOptions) => {
      await call("storagePoolUndefine", { pool }, options);
    },
    listAllVolumes: async (pool: StoragePool, options?: CallOptions) =>
      (await call("storagePoolListAllVolumes", { pool, needResults: true, flags: 0 }, options)).vols,
  };
}

/** virStorageVol… */
export function storageVolCalls(call: Call, openStream: OpenStream) {
  return {
    ...volumeStreams(openStream),
    lookupByName: async (pool: StoragePool, name: string, options?: CallOptions) =>
      (await call("storageVolLookupByName", { pool, name }, options)).vol,
    lookupByKey: async (key: string, options?: CallOptions) =>
      (await call("storageVolLookupByKey", { key }, options)).vol,
    lookupByPath: async (path: string, options?: CallOptions) =>
      (await call("storageVolLookupByPath", { path }, options)).vol,
    getXMLDesc: async (vol: StorageVol, options?: CallOptions) =>
      (await call("storageVolGetXMLDesc", { vol, flags: 0 }, options)).xml,
    /** VIR_STORAGE_VOL_… type; sizes in bytes. */
    getInfo: (vol: StorageVol, options?: CallOptions) => call("storageVolGetInfo", { vol }, options),
    getPath: async (vol: StorageVol, options?: CallOptions) => (await call("storageVolGetPath", { vol }, options)).name,
    /** @param flags VIR_STORAGE_VOL_CREATE_… */
    createXML: async (pool: StoragePool, xml: string, flags = 0, options?: CallOptions) =>
      (await call("storageVolCreateXML", { pool, xml, flags }, options)).vol,
    /** @param flags VIR_STORAGE_VOL_DELETE_… */
    delete: async (vol: StorageVol, flags = 0, options?: CallOptions) => {
      await call("storageVolDelete", { vol, flags }, options);
    },
  };
}
