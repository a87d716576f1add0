import { expect, test } from "vitest";
import { cpioArchive } from "./cpio-archive.ts";

test("an entry is a header of hexadecimal fields, a name and a content, each padded to four bytes", () => {
  const archive = cpioArchive([{ path: "init", mode: 0o100755, content: Buffer.from("hello") }]).toString("latin1");
  const header = [
    "070701", // magic of the newc format
    "00000001", // inode
    "000081ed", // mode 0100755
    "00000000", // owner
    "00000000", // group
    "00000001", // links
    "00000000", // time
    "00000005", // content's length
    "00000000", // major and minor of the device it is on
    "00000000",
    "00000000", // major and minor of the device it is
    "00000000",
    "00000005", // name's length, with its zero byte
    "00000000", // check sum, unused in this format
  ].join("");
  expect(archive.slice(0, 110)).toBe(header);
  expect(archive.slice(110, 116)).toBe("init\0\0");
  expect(archive.slice(116, 124)).toBe("hello\0\0\0");
  expect(archive.slice(124 + 110, 124 + 121)).toBe("TRAILER!!!\0");
});

test("a device node carries its numbers", () => {
  const archive = cpioArchive([{ path: "dev/console", mode: 0o020600, device: [5, 1] }]).toString("latin1");
  expect(archive.slice(6 + 9 * 8, 6 + 11 * 8)).toBe("0000000500000001");
});
