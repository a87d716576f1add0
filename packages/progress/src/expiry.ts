/** A snapshot is forgotten so long after it was written, ms. Progress is worthless long before. */
export const EXPIRY_MS = 3_600_000;
