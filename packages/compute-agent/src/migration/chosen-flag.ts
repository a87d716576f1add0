import type { ChosenFlag } from "@drover/model";

/** A flag of libvirt's that is used, and why. */
export function flag(name: string, reason: string): ChosenFlag {
  return { name, reason };
}

/** A parameter of libvirt's and its value, and why. */
export function parameter(name: string, value: string | number, reason: string): ChosenFlag {
  return { name, value, reason };
}

/** A flag that the policy asks for and that is not used all the same, and why. */
export function leftOut(name: string, reason: string): ChosenFlag {
  return { name, value: false, reason };
}
