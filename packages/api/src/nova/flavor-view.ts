/**
 * Guests have no flavors: libvirt knows their processors and memory alone. So that stock clients, which ask for them,
 * work, a flavor stands for each size, and its id says which: `2c-512m`.
 */
import { type Link, resourceLinks } from "./links.ts";
import { SINCE } from "./microversion.ts";

export interface FlavorSize {
  readonly vcpus: number;
  readonly memoryMiB: number;
}

export function flavorSize(guest: { readonly vcpus: number; readonly memoryKiB: number }): FlavorSize {
  return { vcpus: guest.vcpus, memoryMiB: Math.round(guest.memoryKiB / 1024) };
}

export function flavorId(size: FlavorSize): string {
  return `${size.vcpus}c-${size.memoryMiB}m`;
}

export function parseFlavorId(id: string): FlavorSize | undefined {
  const [, vcpus, memoryMiB] = /^([0-9]{1,6})c-([0-9]{1,12})m$/.exec(id) ?? [];
  return vcpus === undefined || memoryMiB === undefined
    ? undefined
    : { vcpus: Number(vcpus), memoryMiB: Number(memoryMiB) };
}

export function flavorSummary(size: FlavorSize, base: string): { id: string; name: string; links: readonly Link[] } {
  const id = flavorId(size);
  return { id, name: id, links: resourceLinks(base, `/flavors/${id}`) };
}

export function flavorDetail(size: FlavorSize, base: string, minor: number): object {
  return {
    ...flavorSummary(size, base),
    ram: size.memoryMiB,
    vcpus: size.vcpus,
    disk: 0,
    swap: "",
    rxtx_factor: 1,
    "OS-FLV-EXT-DATA:ephemeral": 0,
    "OS-FLV-DISABLED:disabled": false,
    "os-flavor-access:is_public": true,
    ...(minor >= SINCE.flavorDescription ? { description: null } : {}),
    ...(minor >= SINCE.flavorExtraSpecs ? { extra_specs: {} } : {}),
  };
}

/** The flavor within a server, from 2.47. */
export function embeddedFlavor(size: FlavorSize): object {
  return {
    original_name: flavorId(size),
    vcpus: size.vcpus,
    ram: size.memoryMiB,
    disk: 0,
    ephemeral: 0,
    swap: 0,
    extra_specs: {},
  };
}
