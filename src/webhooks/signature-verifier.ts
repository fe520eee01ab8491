import { timingSafeEqual } from 'node:crypto';

import { type SignedMessage, sign } from './signed-message.js';

/** Largest difference between a message's timestamp and the clock, in either direction. */
const TOLERANCE_S = 300;
/**
 * A symmetric signature: `v1` and the base64 of 32 bytes. The number of comparisons is bounded, because Node limits the
 * headers of a request to 16 KiB, which hold at most 340 signatures.
 */
const SIGNATURE = /(?<![^\s,])v1,([\w+/]{43}=)(?![^\s,])/g;

/** Verifies Standard Webhooks signatures over the raw body: serializing the parsed JSON again could change its bytes. */
export class SignatureVerifier {
  private readonly keys: readonly Buffer[];

  /** @param secrets `whsec_` and base64 each; a signature by any of them is valid. */
  constructor(secrets: readonly string[]) {
    this.keys = secrets.map((secret) => Buffer.from(secret.replace(/^whsec_/, ''), 'base64'));
  }

  /**
   * Returns what is wrong with a message, as a sentence for its sender; undefined when its signature is valid.
   *
   * @param now milliseconds since 1970.
   */
  findFault(message: SignedMessage, now = Date.now()): string | undefined {
    const { id, timestamp, signature } = message;
    const required = {
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': signature,
    };
    const missing = Object.entries(required).filter(([, value]) => value === '');
    if (missing.length > 0) {
      const names = missing.map(([name]) => name).join(', ');
      return `Missing headers: ${names}. Headers of other names, such as svix-id, are not read.`;
    }
    const seconds = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) : Number.NaN;
    if (!(Math.abs(Math.floor(now / 1000) - seconds) <= TOLERANCE_S)) {
      return 'The webhook-timestamp must be in seconds since 1970, within five minutes of now.';
    }
    const candidates = Array.from(signature.matchAll(SIGNATURE), ([, base64 = '']) =>
      Buffer.from(base64),
    );
    const isValid = this.keys.some((key) => {
      const expected = Buffer.from(sign(message, key));
      return candidates.some((candidate) => timingSafeEqual(candidate, expected));
    });
    return isValid ? undefined : 'No signature in webhook-signature matches this message.';
  }
}
