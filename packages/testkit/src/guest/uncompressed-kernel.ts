import { open, readFile, rm, writeFile } from "node:fs/promises";
import { runCommand } from "../process/run-command.ts";

/** What LZ4's legacy frame format begins with, the one that Linux compresses kernels with. */
const LZ4_LEGACY = 0x184c2102;
const ELF = Buffer.from("\x7fELF", "latin1");

/**
 * Writes the ELF kernel that a Linux kernel image (bzImage) carries to `path`, if it is compressed with LZ4, and says
 * whether. An emulated processor takes half a second to do that by itself, at each start; QEMU starts the ELF kernel by
 * its PVH entry.
 *
 * Where it stands in the image: `setup_sects`, `payload_offset`, `payload_length` of the Linux/x86 boot protocol (2.08).
 * The payload's last four bytes are the length of what it holds.
 *
 * @throws {TestkitError} with what `lz4` said.
 */
export async function extractKernel(imagePath: string, path: string): Promise<boolean> {
  const image = await readFile(imagePath);
  const protectedModeAt = (image.readUInt8(0x1f1) + 1) * 512;
  const payloadAt = protectedModeAt + image.readUInt32LE(0x248);
  const payload = image.subarray(payloadAt, payloadAt + image.readUInt32LE(0x24c) - 4);
  if (payload.readUInt32LE(0) !== LZ4_LEGACY) return false;
  const compressedPath = `${path}.lz4`;
  await writeFile(compressedPath, payload);
  await runCommand("lz4", ["-d", "-f", "-q", compressedPath, path]);
  await rm(compressedPath);
  return await startsWithElf(path);
}

async function startsWithElf(path: string): Promise<boolean> {
  await using file = await open(path);
  const { buffer } = await file.read(Buffer.alloc(ELF.length));
  return buffer.equals(ELF);
}
