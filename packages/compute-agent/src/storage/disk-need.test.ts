import { describe, expect, test } from "vitest";
import type { GuestDisk } from "../guest/guest-definition.ts";
import { diskNeed } from "./disk-need.ts";
import { readPool } from "./pool-definition.ts";

const file: GuestDisk = {
  ...{ target: "vda", device: "disk", type: "file", format: "qcow2", source: "/var/lib/libvirt/images/web.qcow2" },
  ...{ readOnly: false, shareable: false, transient: false, encrypted: false },
  ...{ volume: null, protocol: null, servers: [], endpoints: [], backing: [] },
};
const network: GuestDisk = { ...file, type: "network", format: "raw", source: "pool/web", protocol: "rbd" };
const block: GuestDisk = { ...file, type: "block", format: "raw" };
const WWN = "/dev/disk/by-id/wwn-0x600140500000";

const volume: GuestDisk = { ...file, type: "volume", source: "web", volume: { pool: "p", name: "web" } };

function inPool(type: string, source: string): GuestDisk {
  const poolXml = `<pool type='${type}'><name>p</name><source>${source}</source></pool>`;
  const known = { pool: "p", volume: "web", key: "k", capacityBytes: 1, autostart: false, path: "/p/web" };
  return { ...volume, inPool: { ...known, poolXml, definition: readPool(poolXml) } };
}

const readOnlyLayer: GuestDisk = { ...file, readOnly: true, backing: [{ type: "file", source: "/base" }] };

describe("diskNeed", () => {
  test.each<[string, GuestDisk, string, RegExp]>([
    ["a writable file", file, "copy", /local file/],
    ["a writable raw file", { ...file, format: "raw" }, "copy", /copies all of it/],
    [
      "one with a base image",
      { ...file, backing: [{ type: "file", source: "/base.qcow2" }] },
      "copy",
      /copies all of it/,
    ],
    ["a read-only file", { ...file, readOnly: true }, "content", /content is brought/],
    ["a read-only file with a base image", readOnlyLayer, "shared", /flatten/],
    ["an ISO in a drive", { ...file, device: "cdrom", format: "raw", readOnly: true }, "content", /content/],
    ["an empty drive", { ...file, device: "cdrom", source: null }, "empty-drive", /nothing is in/],
    ["an empty floppy", { ...file, device: "floppy", source: null }, "empty-drive", /nothing is in/],
    ["a format that cannot be copied", { ...file, format: "vmdk" }, "shared", /convert it to qcow2 or raw/],
    ["a shared writable file", { ...file, shareable: true }, "shared", /network storage or detach/],
    ["a disk that forgets", { ...file, transient: true }, "refuse", /make it permanent/],
    ["an encrypted image", { ...file, encrypted: true }, "refuse", /key/],
    ["a path that is not absolute", { ...file, source: "web.img" }, "refuse", /absolute path/],
    ["RBD", network, "stays", /rbd storage/],
    ["iSCSI by QEMU", { ...network, protocol: "iscsi", servers: ["10.0.0.9"] }, "stays", /iscsi/],
    ["NBD on another machine", { ...network, protocol: "nbd", servers: ["storage"] }, "stays", /nbd/],
    ["NBD on the host itself", { ...network, protocol: "nbd", servers: ["127.0.0.1"] }, "refuse", /both hosts reach/],
    ["NBD by localhost", { ...network, protocol: "nbd", servers: ["localhost"] }, "refuse", /both hosts reach/],
    ["NBD over a unix socket", { ...network, protocol: "nbd", servers: ["/run/nbd.sock"] }, "refuse", /both hosts/],
    [
      "NBD with a local base image",
      { ...network, protocol: "nbd", servers: ["storage"], backing: [{ type: "file", source: "/base" }] },
      "refuse",
      /flatten/,
    ],
    ["RBD with a base in it", { ...network, backing: [{ type: "network", source: "pool/base" }] }, "stays", /rbd/],
    [
      "an iSCSI device by its portal",
      { ...block, source: "/dev/disk/by-path/ip-10.0.0.9:3260-iscsi-iqn.2026-01.net:web-lun-1" },
      "present",
      /device name/,
    ],
    ["a device by its WWN", { ...block, source: WWN }, "present", /which volume/],
    [
      "a device with a local base image",
      { ...block, source: WWN, backing: [{ type: "file", source: "/base" }] },
      "refuse",
      /flatten/,
    ],
    [
      "one with a base by the kernel's name",
      { ...block, source: WWN, backing: [{ type: "block", source: "/dev/sdd" }] },
      "refuse",
      /flatten/,
    ],
    [
      "one with a base by its WWN",
      { ...block, source: WWN, backing: [{ type: "block", source: `${WWN}1` }] },
      "present",
      /which volume/,
    ],
    ["a device by the kernel's name", { ...block, source: "/dev/sdc" }, "refuse", /by-path/],
    ["a logical volume", { ...block, source: "/dev/vg/web" }, "refuse", /another one may have that name/],
    ["a volume that libvirt does not find", volume, "refuse", /does not find the volume web.*start and refresh/],
    [
      "a volume of network storage",
      inPool("iscsi-direct", "<host name='10.0.0.9'/>"),
      "volume",
      /over the same storage/,
    ],
    ["one of a server on the host itself", inPool("netfs", "<host name='localhost'/>"), "refuse", /both hosts reach/],
    ["a volume of a volume group", inPool("logical", "<name>vg</name>"), "refuse", /type logical.*same names/],
    [
      "a volume with a base image beside it",
      { ...inPool("netfs", "<host name='nas'/>"), backing: [{ type: "file", source: "/base" }] },
      "refuse",
      /flatten/,
    ],
    ["a volume that forgets", { ...inPool("netfs", "<host name='nas'/>"), transient: true }, "refuse", /permanent/],
    ["an NVMe device of the host", { ...file, type: "nvme" }, "refuse", /detach it/],
  ])("%s", (_, disk, need, reason) => {
    const found = diskNeed(disk);
    expect(found.need).toBe(need);
    expect(found.reason).toMatch(reason);
  });

  test("a file stays only where the folders of all its images are one storage on both hosts", () => {
    const layers = (...backing: GuestDisk["backing"]) => diskNeed({ ...file, backing }).folders;
    expect(layers()).toEqual(["/var/lib/libvirt/images"]);
    expect(layers({ type: "file", source: "/base/a" }, { type: "network", source: "pool/b" })).toEqual([
      "/var/lib/libvirt/images",
      "/base",
    ]);
    // Another volume may have that name on the other host.
    expect(layers({ type: "block", source: "/dev/vg/base" })).toBeUndefined();
    expect(diskNeed({ ...file, shareable: true, backing: [{ type: "block", source: "/dev/vg/base" }] }).need).toBe(
      "refuse",
    );
  });
});
