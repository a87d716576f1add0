/** How a copy's passes over memory have gone so far. */
export interface StallState {
  readonly iteration: number;
  /** The most that was left in the pass under way: about what the guest had dirtied when it began. */
  readonly mostBytes: number;
  /** The least of these of any pass before, and which pass that was. */
  readonly bestBytes: number;
  readonly bestIteration: number;
}

/** A pass counts as headway when at least this share less was left in it than in the best one before. */
const HEADWAY_SHARE = 0.05;

export const nothingSeen: StallState = {
  iteration: 0,
  mostBytes: 0,
  bestBytes: Number.POSITIVE_INFINITY,
  bestIteration: 0,
};

/**
 * Takes in one reading of a copy. Within a pass what is left falls to almost nothing and says little; what each pass begins
 * with is what a switch-over would have to send. So passes are compared, not readings, and a slow pass is no stall.
 *
 * Worked example: passes that begin with 512, 300, 240, 238, 241 and 239 MiB: the third was the best (238 is less, but not
 * by 5 %), so in the seventh pass the copy has made no headway over 3 passes.
 */
export function observeIteration(
  state: StallState,
  reading: { readonly iteration: number; readonly remainingBytes: number },
): StallState {
  const { iteration, remainingBytes } = reading;
  if (iteration === state.iteration) {
    return { ...state, mostBytes: Math.max(state.mostBytes, remainingBytes) };
  }
  const isHeadway = state.iteration > 0 && state.mostBytes <= state.bestBytes * (1 - HEADWAY_SHARE);
  const first = state.bestBytes === Number.POSITIVE_INFINITY && state.iteration > 0;
  return {
    iteration,
    mostBytes: remainingBytes,
    bestBytes: isHeadway || first ? state.mostBytes : state.bestBytes,
    bestIteration: isHeadway || first ? state.iteration : state.bestIteration,
  };
}

/** Over how many whole passes the copy has made no headway. */
export function stalledIterations({ iteration, bestBytes, bestIteration }: StallState): number {
  return bestBytes === Number.POSITIVE_INFINITY ? 0 : Math.max(0, iteration - 1 - bestIteration);
}

/** After something was done about it: counting begins anew, against what is best so far. */
export function countAnew(state: StallState): StallState {
  return { ...state, bestIteration: Math.max(state.bestIteration, state.iteration - 1) };
}
