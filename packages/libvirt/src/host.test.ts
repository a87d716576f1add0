import { expect, test } from "vitest";
import { LibvirtHost } from "./host.ts";
import { LibvirtError } from "./libvirt-error.ts";
import type { LibvirtHandlers } from "./server/libvirt-handlers.ts";
import { fakeLibvirtd, rejectionOf } from "./testing/fake-libvirtd.ts";

const dom = (id: number) => ({ name: `guest-${id}`, uuid: `cecb520b-8b90-4cb8-a502-c9ff48cb23${30 + id}`, id });

/** Migrations that last until they are aborted. */
function migrating(): LibvirtHandlers & { under: Map<string, () => void> } {
  const under = new Map<string, () => void>();
  return {
    under,
    domainMigratePerform3Params: (args) =>
      new Promise((_resolve, reject) => {
        const canceled = "operation aborted: migration out job: canceled by client";
        under.set(args.dom.uuid, () => reject(LibvirtError.refusal("VIR_ERR_OPERATION_ABORTED", canceled)));
      }),
    domainGetJobStats: () => ({ type: 2, params: [] }),
    domainAbortJob: (args) => {
      under.get(args.dom.uuid)?.();
      return {};
    },
  };
}

test("eight migrations at once leave the control connection free: all are watched, and one is aborted", async () => {
  const { under, ...handlers } = migrating();
  await using server = await fakeLibvirtd(handlers, { maxClientRequests: 5 });
  await using host = await LibvirtHost.open(server.uri);
  const guests = [1, 2, 3, 4, 5, 6, 7, 8].map(dom);
  const moves = guests.map((guest) => rejectionOf(host.migrate(guest, "qemu+tls://host-2/system", {}, 3)));
  await expect.poll(() => under.size).toBe(8);

  const stats = await Promise.all(guests.map((guest) => host.control.domain.getJobStats(guest)));
  expect(stats.map(({ type }) => type)).toEqual(guests.map(() => "unbounded"));
  await host.control.domain.abortJob(dom(3));
  expect(await moves[2]).toMatchObject({ libvirtCodeName: "VIR_ERR_OPERATION_ABORTED" });

  // Nobody can say how the others end once we leave: libvirt goes on with them.
  await host.close();
  const others = await Promise.all(moves.filter((_, index) => index !== 2));
  expect(others.map(({ code }) => code)).toEqual(others.map(() => "outcome-unknown"));
});

test("a blocking connection is closed when its work is done, also when that failed", async () => {
  await using server = await fakeLibvirtd({ connectGetHostname: () => ({ hostname: "host-1" }) });
  await using host = await LibvirtHost.open(server.uri);
  expect(await host.withBlockingConnection((connection) => connection.connect.getHostname())).toBe("host-1");
  const failure = new Error("the work failed");
  await expect(host.withBlockingConnection(() => Promise.reject(failure))).rejects.toBe(failure);
  await Promise.all(server.sessions.slice(1).map((session) => session.closed));
  expect(server.sessions.map((session) => session.isClosed)).toEqual([false, true, true]);
});
