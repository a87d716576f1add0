import { createHash } from "node:crypto";
import {
  isHole,
  isLibvirtError,
  type LibvirtConnection,
  type LibvirtHost,
  type StoragePool,
  type StorageVol,
  type StreamHole,
  VIR_STORAGE_POOL_CREATE,
  VIR_STORAGE_VOL,
} from "@drover/libvirt";
import { afterAll, beforeAll, expect, test } from "vitest";

const MIB = 1_048_576;
const FOLDER = "/var/lib/libvirt/contract";
const NOWHERE_UUID = "00000000-0000-4000-8000-00000000dead";

function poolXml(name: string, path: string): string {
  return `<pool type='dir'><name>${name}</name><target><path>${path}</path></target></pool>`;
}

function volumeXml(name: string, capacityBytes: number): string {
  const target = "<target><format type='raw'/></target>";
  return `<volume><name>${name}</name><capacity unit='bytes'>${capacityBytes}</capacity>${target}</volume>`;
}

/** Bytes that repeat nowhere near, so that a lost, doubled or swapped piece shows. */
function content(lengthBytes: number): Buffer {
  const bytes = Buffer.alloc(lengthBytes);
  for (let at = 0; at + 4 <= lengthBytes; at += 4) bytes.writeUInt32BE(Math.imul(at, 2_654_435_761) >>> 0, at);
  return bytes;
}

function sha256(...pieces: readonly Buffer[]): string {
  const digest = createHash("sha256");
  for (const piece of pieces) digest.update(piece);
  return digest.digest("hex");
}

/** Pools and volumes as Drover uses them, and the streams that carry volumes' content. */
export function storageContract(host: () => LibvirtHost): void {
  let control: LibvirtConnection;
  let pool: StoragePool;

  beforeAll(async () => {
    control = host().control;
    const build = VIR_STORAGE_POOL_CREATE.VIR_STORAGE_POOL_CREATE_WITH_BUILD;
    pool = await control.storagePool.createXML(poolXml("contract", FOLDER), build);
  });
  afterAll(async () => {
    await control.storagePool.destroy(pool);
  });

  const create = (name: string, capacityBytes: number) =>
    control.storagePool.lookupByName("contract").then((found) => {
      return control.storageVol.createXML(found, volumeXml(name, capacityBytes));
    });

  function transfer<T>(work: (connection: LibvirtConnection) => Promise<T>): Promise<T> {
    return host().withBlockingConnection(work);
  }

  function download(vol: StorageVol, options: { offsetBytes?: number; lengthBytes?: number } = {}): Promise<Buffer[]> {
    return transfer(async ({ storageVol }) => {
      const pieces: Buffer[] = [];
      for await (const piece of storageVol.download(vol, options)) pieces.push(piece);
      return pieces;
    });
  }

  test("is volumes that are folders: made where nothing is, and deleted when nothing is in them", async () => {
    const { storageVol } = control;
    const xml =
      "<volume type='dir'><name>folder</name><capacity unit='bytes'>0</capacity>" +
      "<target><format type='dir'/><permissions><mode>0711</mode></permissions></target></volume>";
    const folder = await storageVol.createXML(pool, xml);
    expect(await storageVol.getInfo(folder)).toMatchObject({ type: VIR_STORAGE_VOL.VIR_STORAGE_VOL_DIR });
    const again = storageVol.createXML(pool, xml);
    await expect(again).rejects.toSatisfy((error) => isLibvirtError(error, "VIR_ERR_STORAGE_VOL_EXIST"));
    const inside = await control.storagePool.createXML(poolXml("inside", `${FOLDER}/folder`));
    const file = await storageVol.createXML(inside, volumeXml("file", 1024));
    await expect(storageVol.delete(folder)).rejects.toSatisfy((error) => isLibvirtError(error, "VIR_ERR_SYSTEM_ERROR"));
    await storageVol.delete(file);
    await control.storagePool.destroy(inside);
    await storageVol.delete(folder);
    await control.storagePool.refresh(pool);
    const gone = storageVol.lookupByName(pool, "folder");
    await expect(gone).rejects.toSatisfy((error) => isLibvirtError(error, "VIR_ERR_NO_STORAGE_VOL"));
  });

  test("is pools that are made, found by name, UUID and folder, and stopped, and volumes in them", async () => {
    const { storagePool, storageVol } = control;
    expect(await storagePool.lookupByUUID(pool.uuid)).toEqual(pool);
    expect(await storagePool.lookupByTargetPath(FOLDER)).toEqual(pool);
    expect(await storagePool.listAll()).toContainEqual(pool);
    expect(await storagePool.isActive(pool)).toBeTruthy();
    expect(await storagePool.getXMLDesc(pool)).toContain(`<path>${FOLDER}</path>`);
    expect((await storagePool.getInfo(pool)).available).toBeGreaterThan(BigInt(MIB));
    const vol = await create("kept.img", MIB);
    expect(vol).toEqual({ pool: "contract", name: "kept.img", key: `${FOLDER}/kept.img` });
    expect(await storageVol.lookupByPath(vol.key)).toEqual(vol);
    expect(await storageVol.lookupByName(pool, vol.name)).toEqual(vol);
    expect(await storagePool.lookupByVolume(vol)).toEqual(pool);
    expect((await storageVol.getInfo(vol)).capacity).toBe(BigInt(MIB));
    expect(await storageVol.getXMLDesc(vol)).toMatch(/<format type=['"]raw['"]\/>/);
    await storagePool.refresh(pool);
    expect(await storagePool.listAllVolumes(pool)).toContainEqual(vol);
    await storageVol.delete(vol);
    expect(await storagePool.listAllVolumes(pool)).not.toContainEqual(vol);
  });

  test("refuses with libvirt's own codes", async () => {
    const { storagePool, storageVol } = control;
    const vol = await create("taken.img", 4096);
    const gone = { ...vol, name: "gone.img", key: `${FOLDER}/gone.img` };
    const refusals: readonly (readonly [what: string, call: () => Promise<unknown>, code: number, domain: number])[] = [
      ["an unknown pool", () => storagePool.lookupByName("gone"), 49, 18],
      ["an unknown pool's UUID", () => storagePool.lookupByUUID(NOWHERE_UUID), 49, 18],
      ["a folder of no pool", () => storagePool.lookupByTargetPath("/gone"), 49, 18],
      ["a pool of the same name", () => storagePool.createXML(poolXml("contract", "/var/lib/libvirt/b")), 9, 18],
      ["a pool of the same folder", () => storagePool.createXML(poolXml("other", FOLDER)), 9, 18],
      ["a pool without a folder", () => storagePool.createXML(poolXml("other", "/var/lib/libvirt/gone")), 38, 0],
      ["an unknown volume", () => storageVol.lookupByName(pool, "gone.img"), 50, 18],
      ["an unknown path", () => storageVol.lookupByPath(gone.key), 50, 18],
      ["an unknown key", () => storageVol.lookupByKey(gone.key), 50, 18],
      ["a volume of the same name", () => create("taken.img", 4096), 90, 18],
      ["reading an unknown volume", () => download(gone), 50, 18],
      ["writing an unknown volume", () => transfer((own) => own.storageVol.upload(gone, [content(1)])), 50, 18],
      ["deleting an unknown volume", () => storageVol.delete(gone), 50, 18],
      [
        "more content than announced",
        () => transfer((own) => own.storageVol.upload(vol, [content(4096)], { lengthBytes: 100 })),
        38,
        38,
      ],
    ];
    const answers = [];
    for (const [what, call] of refusals) {
      const error = await call().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      answers.push([what, isLibvirtError(error) ? `${error.libvirtCode} from ${error.libvirtDomain}` : String(error)]);
    }
    expect(answers).toEqual(refusals.map(([what, , code, domain]) => [what, `${code} from ${domain}`]));
    await storageVol.delete(vol);
  });

  test("takes a volume's content and gives it back bit for bit, in whole and in part", async () => {
    const whole = content(5 * MIB + 1);
    const vol = await create("content.img", whole.length);
    expect(sha256(...(await download(vol)))).toBe(sha256(Buffer.alloc(whole.length)));
    const pieces = [whole.subarray(0, 1000), whole.subarray(1000, 3 * MIB), whole.subarray(3 * MIB)];
    expect(await transfer(({ storageVol }) => storageVol.upload(vol, pieces))).toBe(whole.length);
    const back = await download(vol);
    expect(Math.max(...back.map(({ length }) => length))).toBeLessThanOrEqual(262_120);
    expect(sha256(...back)).toBe(sha256(whole));
    const part = await download(vol, { offsetBytes: MIB - 3, lengthBytes: 2 * MIB });
    expect(sha256(...part)).toBe(sha256(whole.subarray(MIB - 3, 3 * MIB - 3)));
    await control.storageVol.delete(vol);
  });

  test("has holes where nothing was written, and they cross as holes", async () => {
    const vol = await create("sparse.img", 64 * MIB);
    const pieces = Array.from({ length: 12 }, (_, at) => [{ holeBytes: 2 * MIB }, content((at + 1) * 65_536)]).flat();
    const sizeBytes = 12 * 2 * MIB + 78 * 65_536;
    const tail = { holeBytes: 64 * MIB - sizeBytes };
    expect(await transfer(({ storageVol }) => storageVol.uploadSparse(vol, [...pieces, tail]))).toBe(64 * MIB);
    expect((await control.storageVol.getInfo(vol)).allocation).toBeLessThan(BigInt(16 * MIB));
    const back = await transfer(async ({ storageVol }) => {
      const seen: (Buffer | StreamHole)[] = [];
      for await (const piece of storageVol.downloadSparse(vol)) seen.push(piece);
      return seen;
    });
    expect(back.filter(isHole).length).toBeGreaterThan(10);
    const solid = (all: readonly (Uint8Array | StreamHole)[]) =>
      sha256(...all.map((piece) => (isHole(piece) ? Buffer.alloc(piece.holeBytes) : Buffer.from(piece))));
    expect(solid(back)).toBe(solid([...pieces, tail]));
    expect(sha256(...(await download(vol)))).toBe(solid(back));
    const sentBytes = back.reduce((sum, piece) => sum + (isHole(piece) ? 0 : piece.length), 0);
    expect(sentBytes).toBeLessThan(8 * MIB);
    await control.storageVol.delete(vol);
  });

  test("lets a transfer be called off midway in either direction, and the connection goes on", async () => {
    const vol = await create("aborted.img", 64 * MIB);
    await transfer(async (own) => {
      for await (const piece of own.storageVol.download(vol)) {
        expect(piece.length).toBeGreaterThan(0);
        break;
      }
      const stop = new AbortController();
      let sent = 0;
      const endless = (function* () {
        for (; ; sent += 1) {
          if (sent === 5) stop.abort(new Error("enough"));
          yield content(MIB);
        }
      })();
      await expect(own.storageVol.upload(vol, endless, { signal: stop.signal })).rejects.toThrow("enough");
      expect(sent).toBeLessThan(10);
      expect((await own.storageVol.getInfo(vol)).capacity).toBeGreaterThanOrEqual(BigInt(64 * MIB));
    });
    await control.storageVol.delete(vol);
  });
}
