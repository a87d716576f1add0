import { readdirSync, readFileSync } from "node:fs";

/** Clock ticks a second in /proc: 100 on every Linux that Node runs on (USER_HZ, proc(5)). */
const TICK_MS = 10;

/** Resident memory of a process now, its children not counted. */
export function rssMiB(pid: number | undefined): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib) / 1024;
}

/** Processor time that a process has used so far, in user and kernel, in steps of 10 ms. */
export function cpuMs(pid: number | undefined): number {
  const [utime, stime] = statFields(pid).slice(11, 13);
  return (Number(utime) + Number(stime)) * TICK_MS;
}

/** From the state on, proc(5)'s third. The command's name may hold spaces and parentheses: they are counted from behind it. */
function statFields(pid: number | undefined): readonly string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** Of a server that works in processes of its own, PostgreSQL for instance: of it and those that it has and had. */
export function cpuMsWithChildren(pid: number | undefined): number {
  const ended = statFields(pid).slice(13, 15);
  const children = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && isChild(Number(name), pid));
  const running = children.map((child) => {
    try {
      return cpuMs(Number(child));
    } catch {
      // It has ended since, and counts with its parent from now on.
      return 0;
    }
  });
  return (
    cpuMs(pid) + ended.reduce((sum, ticks) => sum + Number(ticks) * TICK_MS, 0) + running.reduce((a, b) => a + b, 0)
  );
}

function isChild(pid: number, parent: number | undefined): boolean {
  try {
    return Number(statFields(pid)[1]) === parent;
  } catch {
    return false;
  }
}
