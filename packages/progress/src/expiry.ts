/** A snapshot is forgotten so long after it was taken, ms: part of the public layout, since readers tell its age by it. */
export const EXPIRY_MS = 3_600_000;
