/**
 * Reads one at a time: who asks while a reading is under way gets the next one, and shares it with all who asked meanwhile.
 * So nobody gets what was read before the question, and a thousand questions at once are a few readings.
 */
export function sharedReading<Value>(read: () => Promise<Value>): () => Promise<Value> {
  let underWay: Promise<unknown> = Promise.resolve();
  let next: Promise<Value> | undefined;

  async function readNext(): Promise<Value> {
    await underWay;
    next = undefined;
    const reading = read();
    underWay = reading.catch(() => {});
    return await reading;
  }

  return () => {
    next ??= readNext();
    return next;
  };
}
