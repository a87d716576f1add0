/** A seed that once found something, or that shows a part of the simulation, and why it is kept. */
export interface KeptSeed {
  readonly seed: number;
  readonly why: string;
}

/** Played by every `npm test`. What a seed found stays found in `scenes.ts` when Drover's timing changes. */
export const KEPT_SEEDS: readonly KeptSeed[] = [
  {
    seed: 64,
    why: "A start command whose source cannot be asked is waited out to the end of its time, and undone then.",
  },
  { seed: 600121, why: "A lost call that prepares the destination is waited for, and the migration goes on." },
  {
    seed: 3_549,
    why: "An agent that began anew reported under the number that its predecessor's late report had: the late one counted.",
  },
  {
    seed: 685,
    why: "The destination died as it was asked to prepare: the request was waited for as long as the work may take, 15 minutes.",
  },
];
