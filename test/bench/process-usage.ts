import { readFileSync } from "node:fs";

/** Clock ticks a second in /proc: 100 on every Linux that Node runs on (USER_HZ, proc(5)). */
const TICK_MS = 10;

/** Resident memory of a process now, its children not counted. */
export function rssMiB(pid: number | undefined): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib) / 1024;
}

/** Processor time that a process has used so far, in user and kernel, in steps of 10 ms. */
export function cpuMs(pid: number | undefined): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The command's name may hold spaces and parentheses; the fields are counted from behind it.
  const [utime, stime] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13);
  return (Number(utime) + Number(stime)) * TICK_MS;
}
