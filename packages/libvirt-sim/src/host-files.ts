import { posix } from "node:path";
import { SimulatedFile } from "./simulated-file.ts";

/** What lies on one host's disks: folders, and files by their path. Pools look at it; it outlives them. */
export class HostFiles {
  readonly #files = new Map<string, SimulatedFile>();
  readonly #folders = new Set<string>(["/var/lib/libvirt/images"]);

  folderExists(path: string): boolean {
    return this.#folders.has(path);
  }

  makeFolder(path: string): void {
    this.#folders.add(path);
  }

  get(path: string): SimulatedFile | undefined {
    return this.#files.get(path);
  }

  /** Makes a file in a folder that is there; one that was there is gone. */
  create(path: string, format: string, capacityBytes: number): SimulatedFile {
    const file = new SimulatedFile(format, capacityBytes);
    this.#files.set(path, file);
    return file;
  }

  /** Puts a raw file with this content there, folder included, as a person does who copies it onto the host. */
  put(path: string, content: Uint8Array): void {
    this.makeFolder(posix.dirname(path));
    this.create(path, "raw", 0).write(0, content);
  }

  /** A file's content, or undefined if there is none. */
  contentOf(path: string): Buffer | undefined {
    const file = this.#files.get(path);
    return file === undefined ? undefined : Buffer.concat([...file.read()]);
  }

  delete(path: string): void {
    this.#files.delete(path);
  }

  /** Paths of the files right in a folder. */
  in(folder: string): string[] {
    return [...this.#files.keys()].filter((path) => posix.dirname(path) === folder).sort();
  }
}
