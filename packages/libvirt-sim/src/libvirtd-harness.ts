import { LibvirtHost } from "@drover/libvirt";

/** Two libvirtds that can migrate to each other, real or simulated, as the contract suite and the calibration use them. */
export interface LibvirtdPair extends AsyncDisposable {
  readonly source: LibvirtdUnderTest;
  readonly destination: LibvirtdUnderTest;
  /** Defines and starts a guest on the source; resolves when it uses its memory as asked. */
  createGuest(guest: GuestUnderTest): Promise<void>;
  /** Page writes the guest really managed, MiB/s, since it was started: an emulated one may be slower than asked. */
  dirtyMiBps(guest: string): number;
}

export interface LibvirtdUnderTest {
  readonly name: string;
  readonly host: LibvirtHost;
  /** How the other one reaches it. */
  readonly peerUri: string;
  /** Where its QEMU takes a migration. */
  readonly inboundAddress: string;
}

export interface GuestUnderTest {
  readonly name: string;
  readonly memoryMiB: number;
  readonly workingSetMiB: number;
  readonly dirtyMiBps: number;
}

/** Opens both ends; closes what was opened if the second fails. */
export async function openBoth(
  ends: readonly [Omit<LibvirtdUnderTest, "host"> & { uri: string }, Omit<LibvirtdUnderTest, "host"> & { uri: string }],
): Promise<[LibvirtdUnderTest, LibvirtdUnderTest]> {
  const [first, second] = ends;
  const source = await LibvirtHost.open(first.uri);
  try {
    const destination = await LibvirtHost.open(second.uri);
    return [
      { ...first, host: source },
      { ...second, host: destination },
    ];
  } catch (error) {
    await source.close();
    throw error;
  }
}
