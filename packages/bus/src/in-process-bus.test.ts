import { describeBusContract } from "./bus-contract.ts";
import { openInProcessBus } from "./in-process-bus.ts";

describeBusContract("in-process", {
  open: async () => {
    const bus = openInProcessBus();
    return { caller: bus, callee: bus };
  },
});
