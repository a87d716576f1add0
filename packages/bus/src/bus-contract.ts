import { afterEach, beforeEach, describe } from "vitest";
import { describeBroker } from "./bus-contract/broker-contract.ts";
import type { BusUnderTest } from "./bus-contract/bus-under-test.ts";
import { describeCalls } from "./bus-contract/call-contract.ts";
import { describeCasts } from "./bus-contract/cast-contract.ts";
import { ContractBed } from "./bus-contract/contract-bed.ts";
import { describeServers } from "./bus-contract/server-contract.ts";

export type { BusUnderTest } from "./bus-contract/bus-under-test.ts";
export { gate, rejection, type SampleContracts, sampleContracts } from "./bus-contract/sample.ts";

/** What every driver of the bus promises; with a broker, also while it comes and goes. */
export function describeBusContract(name: string, driver: BusUnderTest): void {
  describe(`bus contract: ${name}`, () => {
    const bed = new ContractBed(driver);
    beforeEach(() => bed.open());
    afterEach(() => bed.close());
    describeCalls(bed);
    describeCasts(bed);
    describeServers(bed);
    if (driver.broker !== undefined) describeBroker(bed, driver.broker);
  });
}
