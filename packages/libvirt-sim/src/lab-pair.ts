import { type LabGuest, startLab } from "@drover/testkit";
import { type LibvirtdPair, openBoth } from "./libvirtd-harness.ts";

/** Two real libvirtds with real QEMU. */
export async function labPair(): Promise<LibvirtdPair> {
  const lab = await startLab({ hosts: 2 });
  const [first, second] = lab.hosts;
  if (first === undefined || second === undefined) throw new RangeError("the lab has fewer than two hosts");
  const end = ({ name, uri, tcpUri, migrationAddress }: typeof first) => ({
    name,
    uri,
    peerUri: tcpUri,
    inboundAddress: migrationAddress,
  });
  const guests = new Map<string, LabGuest>();
  try {
    const [source, destination] = await openBoth([end(first), end(second)]);
    return {
      source,
      destination,
      createGuest: async (guest) => {
        const started = await first.startGuest({ ...guest, verifyMiBps: 1 });
        await started.waitForCounter(2);
        guests.set(guest.name, started);
      },
      dirtyMiBps: (name) => {
        const report = guests.get(name)?.readConsole();
        return report === undefined ? 0 : report.dirtiedPages / 256 / (report.uptimeUs / 1e6);
      },
      [Symbol.asyncDispose]: async () => {
        await source.host.close();
        await destination.host.close();
        await lab.stop();
      },
    };
  } catch (error) {
    await lab.stop();
    throw error;
  }
}
