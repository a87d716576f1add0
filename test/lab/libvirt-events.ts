import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { LabHost } from "@drover/testkit";

/** What a host's libvirtd told of its guests, as `virsh event` writes it: for counting what really happened. */
export interface LibvirtEvents extends AsyncDisposable {
  /** Lines about the guest, in order: "event 'lifecycle' for domain 'web': Suspended Paused". */
  of(guest: string): readonly string[];
}

/** Listens to all events of a host from now on. */
export async function watchLibvirtEvents(host: LabHost): Promise<LibvirtEvents> {
  const file = join(host.folders.root, "events.log");
  const log = openSync(file, "w", 0o600);
  // Line by line, though it writes to a file.
  const args = ["-oL", "virsh", "--connect", "qemu:///system", "event", "--all", "--loop"];
  const child = host.spawn("stdbuf", args, { stdio: ["pipe", log, log] });
  closeSync(log);
  child.on("error", () => undefined);
  const closed = new Promise((resolve) => child.once("close", resolve));
  const lines = () => readFileSync(file, "utf8").split("\n");
  return {
    of: (guest) => lines().filter((line) => line.includes(`for domain '${guest}'`)),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await closed;
    },
  };
}
