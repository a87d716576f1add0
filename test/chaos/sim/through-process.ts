/** How an operation of a driver is carried out: around it stand time, faults, and the process that asks. */
export type CarryOut = (operation: string, work: () => Promise<unknown>) => Promise<unknown>;

/**
 * A driver (a store, a cache) whose every operation goes through `carryOut`, those of its parts as `part.operation`.
 * What it does not know to be an operation, it hands on.
 */
export function throughProcess<Driver extends object>(driver: Driver, carryOut: CarryOut, prefix = ""): Driver {
  const wrapped = new Map<PropertyKey, unknown>();
  return new Proxy(driver, {
    get: (inner, key) => {
      const known = wrapped.get(key);
      if (known !== undefined) return known;
      const value: unknown = Reflect.get(inner, key);
      const name = prefix + String(key);
      let made = value;
      if (typeof value === "function") {
        made = (...args: unknown[]) => carryOut(name, async () => Reflect.apply(value, inner, args));
      } else if (typeof value === "object" && value !== null) {
        made = throughProcess(value, carryOut, `${name}.`);
      }
      wrapped.set(key, made);
      return made;
    },
  });
}
