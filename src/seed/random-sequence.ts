/**
 * A pseudo-random sequence: each call of the result returns the next integer from 0 to below 2^32. The same seed gives
 * the same sequence on every machine. Not for secrets.
 */
export function randomSequence(seed: number): () => number {
  let state = mix(seed | 0);
  return () => {
    // A Weyl sequence with the golden ratio as its step.
    state = (state + 0x9e3779b9) | 0;
    return mix(state) >>> 0;
  };
}

/** The finalizer of MurmurHash3: each input bit affects all 32 output bits. */
function mix(value: number): number {
  let bits = value;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
