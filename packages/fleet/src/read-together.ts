/**
 * Asks for single things together: what is asked for within one turn of the event loop is one question, and each thing is in it
 * once. Nothing is kept: every answer is as fresh as one that was asked for alone.
 *
 * A question that fails, fails for all who asked.
 */
export function readTogether<Key, Value>(
  read: (keys: readonly Key[]) => Promise<ReadonlyMap<Key, Value>>,
): (key: Key) => Promise<Value | undefined> {
  let next: { readonly keys: Set<Key>; readonly answer: Promise<ReadonlyMap<Key, Value>> } | undefined;

  async function ask(keys: ReadonlySet<Key>): Promise<ReadonlyMap<Key, Value>> {
    await new Promise((resolve) => setImmediate(resolve));
    next = undefined;
    return await read([...keys]);
  }

  return async (key) => {
    if (next === undefined) {
      const keys = new Set<Key>();
      next = { keys, answer: ask(keys) };
    }
    const { keys, answer } = next;
    keys.add(key);
    return (await answer).get(key);
  };
}
