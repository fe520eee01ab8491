/**
 * Milliseconds that a request may wait for this process or for a connection. One that would wait for longer is refused
 * at once: a queue that grows answers everyone late.
 */
export const MAX_WAIT_MS = 1000;
