import { describe } from "vitest";
import { labPair } from "./lab-pair.ts";
import { libvirtdContract } from "./libvirtd-contract.ts";

describe("a real libvirtd", () => libvirtdContract(labPair));
