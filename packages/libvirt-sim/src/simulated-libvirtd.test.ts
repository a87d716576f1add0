import { describe } from "vitest";
import { libvirtdContract } from "./libvirtd-contract.ts";
import { simulatedPair } from "./simulated-pair.ts";

describe("a simulated libvirtd", () => libvirtdContract(() => simulatedPair()));
