import { posix } from "node:path";
import { SimulatedFile } from "./simulated-file.ts";

/** Storage that several hosts have mounted, each where it likes. */
export interface SharedStorage {
  /** By their paths in it, each beginning with a slash. */
  readonly files: Map<string, SimulatedFile>;
  /** libvirt knows its file system as one that hosts share, as it does NFS. */
  readonly knownAsShared: boolean;
}

/** What lies on one host's disks: folders, and files by their path. Pools look at it; it outlives them. */
export class HostFiles {
  readonly #files = new Map<string, SimulatedFile>();
  readonly #folders = new Set<string>(["/var/lib/libvirt/images"]);
  /** Under paths of storage that others have, too, what this host alone has there. */
  readonly #own = new Map<string, SimulatedFile>();
  /** By the folder that it is mounted on. */
  readonly #mounts = new Map<string, SharedStorage>();

  folderExists(path: string): boolean {
    return this.#folders.has(path);
  }

  /** Makes it, and those above it. */
  makeFolder(path: string): void {
    for (let folder = path; folder !== "/"; folder = posix.dirname(folder)) this.#folders.add(folder);
  }

  /** False where something is in it. */
  removeFolder(path: string): boolean {
    if (this.in(path).length > 0 || this.foldersIn(path).length > 0) return false;
    this.#folders.delete(path);
    return true;
  }

  /** Paths of the folders right in a folder. */
  foldersIn(folder: string): string[] {
    return [...this.#folders].filter((path) => posix.dirname(path) === folder).sort();
  }

  /** Mounts storage on a folder; what was in it is hidden. */
  mount(folder: string, storage: SharedStorage): void {
    this.makeFolder(folder);
    this.#mounts.set(folder, storage);
  }

  /** libvirt takes it for safe that a guest's file stays there when the guest moves. */
  knownAsShared(path: string): boolean {
    return this.#mountOf(path)?.storage.knownAsShared ?? false;
  }

  get(path: string): SimulatedFile | undefined {
    const own = this.#own.get(path);
    if (own !== undefined) return own;
    const { files, key } = this.#place(path);
    return files.get(key);
  }

  /** Makes a file in a folder that is there; one that was there is gone. */
  create(path: string, format: string, capacityBytes: number): SimulatedFile {
    const file = new SimulatedFile(format, capacityBytes);
    const { files, key } = this.#place(path);
    files.set(key, file);
    return file;
  }

  /** Puts a raw file with this content there, folder included, as a person does who copies it onto the host. */
  put(path: string, content: Uint8Array): void {
    this.makeFolder(posix.dirname(path));
    this.create(path, "raw", 0).write(0, content);
  }

  /** The same where only this host sees it, as behind a link that leads off the storage that the folder is on. */
  putOwn(path: string, content: Uint8Array): void {
    const file = new SimulatedFile("raw", 0);
    file.write(0, content);
    this.#own.set(path, file);
  }

  /** A file's content, or undefined if there is none. */
  contentOf(path: string): Buffer | undefined {
    const file = this.get(path);
    return file === undefined ? undefined : Buffer.concat([...file.read()]);
  }

  delete(path: string): void {
    if (this.#own.delete(path)) return;
    const { files, key } = this.#place(path);
    files.delete(key);
  }

  /** Paths of the files right in a folder. */
  in(folder: string): string[] {
    const { files, key } = this.#place(posix.join(folder, "x"));
    const inStore = posix.dirname(key);
    const own = [...this.#own.keys()].filter((path) => posix.dirname(path) === folder);
    const stored = [...files.keys()]
      .filter((path) => posix.dirname(path) === inStore)
      .map((path) => posix.join(folder, posix.basename(path)));
    return [...new Set([...own, ...stored])].sort();
  }

  /** Where a path leads. */
  #place(path: string): { readonly files: Map<string, SimulatedFile>; readonly key: string } {
    const mount = this.#mountOf(path);
    if (mount === undefined) return { files: this.#files, key: path };
    return { files: mount.storage.files, key: path.slice(mount.folder.length) };
  }

  #mountOf(path: string): { readonly folder: string; readonly storage: SharedStorage } | undefined {
    const [nearest] = [...this.#mounts]
      .filter(([folder]) => path.startsWith(`${folder}/`))
      .sort(([left], [right]) => right.length - left.length);
    return nearest && { folder: nearest[0], storage: nearest[1] };
  }
}
