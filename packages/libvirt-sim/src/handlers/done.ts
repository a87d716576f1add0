/** A handler for a call whose answer is empty: does it, then answers. */
export function done<Args>(act: (args: Args) => void | Promise<void>): (args: Args) => Promise<Record<string, never>> {
  return async (args) => {
    await act(args);
    return {};
  };
}
