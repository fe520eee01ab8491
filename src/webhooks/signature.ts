import { createHmac, timingSafeEqual } from 'node:crypto';

/** A message as it arrived: three headers and the bytes of the body. */
export interface SignedMessage {
  readonly id: string;
  /** Seconds since the epoch, as text. */
  readonly timestamp: string;
  /** Signatures separated by spaces, each `version,base64`. */
  readonly signature: string;
  readonly body: Buffer;
}

/** How far the sender's clock may be off, either way. */
const TOLERANCE_S = 300;
/** Signatures that are looked at: a sender has as many as it has secrets. */
const MAX_SIGNATURES = 20;

/**
 * Tells messages that were signed with one of our secrets from others. The bytes are verified as they
 * arrived: parsed and written anew, a JSON text would be another one.
 *
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export class SignatureVerifier {
  private readonly keys: readonly Buffer[];

  /** @param secrets `whsec_` and base64 each; several while they are rotated. */
  constructor(secrets: readonly string[]) {
    this.keys = secrets.map((secret) => Buffer.from(secret.replace(/^whsec_/, ''), 'base64'));
  }

  /** What is wrong with a message; undefined when it is signed and recent. */
  fault({ id, timestamp, signature, body }: SignedMessage, now = Date.now()): string | undefined {
    const seconds = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) : Number.NaN;
    if (!(Math.abs(Math.floor(now / 1000) - seconds) <= TOLERANCE_S)) {
      return 'The webhook-timestamp is not within five minutes of now.';
    }
    const given = signature
      .split(' ', MAX_SIGNATURES)
      .filter((versioned) => versioned.startsWith('v1,'))
      .map((versioned) => Buffer.from(versioned.slice('v1,'.length)));
    // Header values are bytes that Node gives as Latin-1.
    const head = Buffer.from(`${id}.${timestamp}.`, 'latin1');
    const signed = this.keys.some((key) => {
      const expected = Buffer.from(
        createHmac('sha256', key).update(head).update(body).digest('base64'),
      );
      return given.some(
        (candidate) => candidate.length === expected.length && timingSafeEqual(candidate, expected),
      );
    });
    return signed ? undefined : 'No webhook-signature is that of this message.';
  }
}
