/** A trouble that holds until it is undone. Whoever forgets it still gets rid of it with the lab or the server. */
export interface Fault extends AsyncDisposable {
  /** What is wrong, for messages: "host-1 and host-2 cut (reset)". */
  readonly what: string;
  /** Ends it; resolves when what was broken works again. Later calls do nothing. If it rejects, call it again. */
  undo(): Promise<void>;
}

/** A fault whose `undo` is `end`, run once. */
export function fault(what: string, end: () => unknown): Fault {
  let undone = false;
  const undo = async () => {
    if (undone) return;
    await end();
    undone = true;
  };
  return { what, undo, [Symbol.asyncDispose]: undo };
}
