/**
 * A row's own pseudo-random sequence: each call gives the next integer from 0 to below 2^32, the same
 * ones for the same row on every machine. Good enough for sample data, not for secrets.
 */
export function drawsOf(row: number): () => number {
  let state = mix(row | 0);
  return () => {
    // A Weyl sequence with the golden ratio, each term scrambled.
    state = (state + 0x9e3779b9) | 0;
    return mix(state) >>> 0;
  };
}

/** Spreads a difference in any bit over all 32 of them (the finaliser of MurmurHash3). */
function mix(value: number): number {
  let bits = value;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
