/** What can go wrong with a request of a step, and what that makes of the migration. */
import type { RequestFault } from "@drover/bus/testing";
import { DroverError } from "@drover/model";
import type { Course } from "./step-courses.ts";
import type { StepRequest } from "./walked-steps.ts";

/** One way for a request to go wrong. */
export interface RequestTrouble {
  readonly what: string;
  readonly fault: RequestFault;
  /** What its sender learns: nothing amiss, no answer, an answer that says no, or that the guest may be elsewhere. */
  readonly effect: "none" | "silence" | "refusal" | "doubt";
  /** Every time, and not once. */
  readonly lasts?: boolean;
}

const nobody = new DroverError("agent-unreachable", "the test says that nobody is there");
const away = new DroverError("unavailable", "the test says that the broker is away");
const refusal = new DroverError("libvirt", "the test says no");
const doubt = new DroverError("outcome-unknown", "the test says that the guest may be elsewhere");

const troublesOfCalls: readonly RequestTrouble[] = [
  { what: "is taken by nobody", fault: { kind: "fail-before", error: nobody }, effect: "silence" },
  { what: "is refused", fault: { kind: "fail-before", error: refusal }, effect: "refusal" },
  { what: "is done, and refused all the same", fault: { kind: "fail-after", error: refusal }, effect: "refusal" },
  { what: "is done, and seems to be taken by nobody", fault: { kind: "fail-after", error: nobody }, effect: "silence" },
  { what: "is done, and its reply is lost", fault: { kind: "lose-reply" }, effect: "silence" },
  { what: "is done, and its reply is always lost", fault: { kind: "lose-reply" }, effect: "silence", lasts: true },
  { what: "is done again", fault: { kind: "repeat" }, effect: "none" },
];

/** For calls that change something: asked too often or too late, the others change nothing. */
const troublesOfChanges: readonly RequestTrouble[] = [
  { what: "is done twice at once", fault: { kind: "double" }, effect: "none" },
  { what: "is late, and comes after the end", fault: { kind: "hold-up" }, effect: "silence" },
  {
    what: "is always late, and comes after the end",
    fault: { kind: "hold-up" },
    effect: "silence",
    lasts: true,
  },
];

/** For the calls whose handler may answer so. */
const troublesOfDoubt: readonly RequestTrouble[] = [
  { what: "is answered with doubt", fault: { kind: "fail-before", error: doubt }, effect: "doubt" },
  { what: "is done, and answered with doubt", fault: { kind: "fail-after", error: doubt }, effect: "doubt" },
];

/** A cast has no answer: its sender learns at most that the broker did not take it. */
const troublesOfCasts: readonly RequestTrouble[] = [
  { what: "is taken by no queue", fault: { kind: "fail-before", error: nobody }, effect: "silence" },
  { what: "is not taken by the broker", fault: { kind: "fail-before", error: away }, effect: "silence" },
  { what: "is delivered, and seems not to be taken", fault: { kind: "fail-after", error: away }, effect: "silence" },
  { what: "is lost by the broker", fault: { kind: "lose-request" }, effect: "silence" },
  { what: "is always lost by the broker", fault: { kind: "lose-request" }, effect: "silence", lasts: true },
  { what: "is delivered twice", fault: { kind: "double" }, effect: "none" },
  { what: "is late, and comes after the end", fault: { kind: "hold-up" }, effect: "silence" },
  {
    what: "is always late, and comes after the end",
    fault: { kind: "hold-up" },
    effect: "silence",
    lasts: true,
  },
];

function troublesOf({ contract }: StepRequest): readonly RequestTrouble[] {
  if (contract.kind === "cast") return troublesOfCasts;
  const mayDoubt = contract.errors?.["outcome-unknown"] !== undefined;
  return [
    ...troublesOfCalls,
    ...(contract.access === "read" ? [] : troublesOfChanges),
    ...(mayDoubt ? troublesOfDoubt : []),
  ];
}

/** All of them, for all of the requests, with what a test's title is made of. */
export function troubleCases(requests: readonly StepRequest[]) {
  return requests.flatMap((request) =>
    troublesOf(request).map((trouble) => {
      const { contract, course } = request;
      return { request, trouble, method: contract.method, what: trouble.what, course: course.title };
    }),
  );
}

/** More than a step's tries: what helps in the end is that the step is repeated, not that a try was left. */
const FOR_LONG = 4;

/** How often it goes wrong: where nothing else ends it, the trouble has to. */
export function timesOf({ lasts = false }: RequestTrouble, { patience }: StepRequest): number {
  if (!lasts) return 1;
  return patience === "for-ever" || patience === "for-silence" ? FOR_LONG : Number.POSITIVE_INFINITY;
}

/** How the migration must end with this trouble at a request of `step`. */
export function endingOf(trouble: RequestTrouble, { patience, course }: StepRequest, step: string): Course {
  const { effect, lasts = false } = trouble;
  const { title } = course;
  const silenceFails = patience === "none" || (patience === "some" && lasts);
  const refusalFails = patience === "none" || patience === "some" || patience === "for-silence";
  const fails = (effect === "silence" && silenceFails) || (effect === "refusal" && refusalFails);
  if (fails) return { title, state: "failed", host: "alpha", says: /the test says|reply is lost/, failsAt: step };
  const givenUp = patience === "for-a-while" && effect === "silence" && lasts;
  if (!givenUp) return course;
  return { title, state: "failed", host: "alpha", says: /did not say whether the copy began/, failsAt: step };
}
