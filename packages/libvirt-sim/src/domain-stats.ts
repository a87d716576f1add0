import { type TypedParam, VIR_DOMAIN_DIRTYRATE, VIR_DOMAIN_STATS } from "@drover/libvirt";
import type { Clock } from "@drover/model";
import { distinctDirtyPages, PAGES_PER_MIB } from "./memory-load.ts";
import type { SimulatedGuest } from "./simulated-guest.ts";

/** QEMU answers a dirty rate in whole MiB/s over at least this long, s. */
const DEFAULT_PERIOD_SECONDS = 1;

/** What `virsh domstats` shows: the groups asked for, all of those we have when `stats` is 0. */
export function domainStats(guest: SimulatedGuest, stats: number, clock: Clock): TypedParam[] {
  const asked = (group: number) => stats === 0 || (stats & group) !== 0;
  const memoryKiB = BigInt(guest.definition.memoryKiB);
  const cpuNs = guest.active ? BigInt(Math.round((clock.monotonicMs() - guest.startedAtMs) * 200_000)) : 0n;
  return [
    ...(asked(VIR_DOMAIN_STATS.VIR_DOMAIN_STATS_STATE)
      ? [int("state.state", guest.state), int("state.reason", guest.reason)]
      : []),
    ...(asked(VIR_DOMAIN_STATS.VIR_DOMAIN_STATS_CPU_TOTAL) && guest.active ? [ull("cpu.time", cpuNs)] : []),
    ...(asked(VIR_DOMAIN_STATS.VIR_DOMAIN_STATS_BALLOON)
      ? [ull("balloon.current", memoryKiB), ull("balloon.maximum", memoryKiB)]
      : []),
    ...(asked(VIR_DOMAIN_STATS.VIR_DOMAIN_STATS_VCPU)
      ? [uint("vcpu.current", guest.definition.vcpus), uint("vcpu.maximum", guest.definition.vcpus)]
      : []),
    ...(asked(VIR_DOMAIN_STATS.VIR_DOMAIN_STATS_DIRTYRATE) && guest.active ? dirtyRateStats(guest, clock) : []),
  ];
}

/**
 * The measurement that `domainStartDirtyRateCalc` began. QEMU counts distinct pages over the period, so a guest that
 * sweeps its working set faster than that shows the working set, not its writes.
 */
function dirtyRateStats(guest: SimulatedGuest, clock: Clock): TypedParam[] {
  const { VIR_DOMAIN_DIRTYRATE_UNSTARTED, VIR_DOMAIN_DIRTYRATE_MEASURING, VIR_DOMAIN_DIRTYRATE_MEASURED } =
    VIR_DOMAIN_DIRTYRATE;
  const measured = guest.dirtyRate;
  const seconds = measured?.seconds ?? DEFAULT_PERIOD_SECONDS;
  const done = measured !== null && clock.monotonicMs() - measured.startedAtMs >= seconds * 1000;
  const running = measured === null ? VIR_DOMAIN_DIRTYRATE_UNSTARTED : VIR_DOMAIN_DIRTYRATE_MEASURING;
  const { load } = guest.definition;
  const pages = distinctDirtyPages(load, load.dirtyMiBps * PAGES_PER_MIB * seconds, seconds * 1000);
  return [
    int("dirtyrate.calc_status", done ? VIR_DOMAIN_DIRTYRATE_MEASURED : running),
    llong("dirtyrate.calc_start_time", BigInt(measured?.startedAtSeconds ?? 0)),
    int("dirtyrate.calc_period", measured === null ? 0 : seconds),
    { field: "dirtyrate.calc_mode", value: { type: "string", value: "page-sampling" } },
    ...(done
      ? [
          llong(
            "dirtyrate.megabytes_per_second",
            BigInt(guest.running ? Math.round(pages / PAGES_PER_MIB / seconds) : 0),
          ),
        ]
      : []),
  ];
}

function int(field: string, value: number): TypedParam {
  return { field, value: { type: "int", value } };
}

function uint(field: string, value: number): TypedParam {
  return { field, value: { type: "uint", value } };
}

function ull(field: string, value: bigint): TypedParam {
  return { field, value: { type: "ullong", value } };
}

function llong(field: string, value: bigint): TypedParam {
  return { field, value: { type: "llong", value } };
}
