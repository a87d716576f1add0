/**
 * Asks for single things together: what is asked for within one turn of the event loop is one question, and each thing is in it
 * once, by its id. Nothing is kept: every answer is as fresh as one that was asked for alone.
 *
 * A question that fails, fails for all who asked.
 */
export function readTogether<Thing, Id, Value>(
  idOf: (thing: Thing) => Id,
  read: (things: readonly Thing[]) => Promise<ReadonlyMap<Id, Value>>,
): (thing: Thing) => Promise<Value | undefined> {
  let next: { readonly things: Map<Id, Thing>; readonly answer: Promise<ReadonlyMap<Id, Value>> } | undefined;

  async function ask(things: ReadonlyMap<Id, Thing>): Promise<ReadonlyMap<Id, Value>> {
    await new Promise((resolve) => setImmediate(resolve));
    next = undefined;
    return await read([...things.values()]);
  }

  return async (thing) => {
    if (next === undefined) {
      const things = new Map<Id, Thing>();
      next = { things, answer: ask(things) };
    }
    const { things, answer } = next;
    const id = idOf(thing);
    things.set(id, thing);
    return (await answer).get(id);
  };
}
