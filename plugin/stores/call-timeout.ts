/**
 * How long a call of a database store may take. Below the 2 s that a request waits for its store, so that the error
 * carries the store's own reason.
 */
export const callTimeoutMs = 1800
