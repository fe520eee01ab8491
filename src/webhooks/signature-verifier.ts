import { createHmac, timingSafeEqual } from 'node:crypto';

/** A message as it arrived: three headers and the bytes of the body. */
export interface SignedMessage {
  readonly id: string;
  /** Seconds since the epoch, as text. */
  readonly timestamp: string;
  /** Signatures separated by spaces, each `version,base64`; Node joins several header lines with a comma. */
  readonly signature: string;
  readonly body: Buffer;
}

/** How far the sender's clock may be off, either way. */
const TOLERANCE_S = 300;
/**
 * A signature with a shared key: `v1` and the base64 of 32 bytes. The 16 KiB that Node reads of a request's headers
 * hold at most 340 of them, so all of them are compared.
 */
const SIGNATURE = /(?<![^\s,])v1,([\w+/]{43}=)(?![^\s,])/g;

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
      return 'The webhook-timestamp has to be in seconds since 1970, within five minutes of now.';
    }
    const given = Array.from(signature.matchAll(SIGNATURE), ([, base64 = '']) =>
      Buffer.from(base64),
    );
    // Header values are bytes that Node gives as Latin-1.
    const head = Buffer.from(`${id}.${timestamp}.`, 'latin1');
    const signed = this.keys.some((key) => {
      const expected = Buffer.from(
        createHmac('sha256', key).update(head).update(body).digest('base64'),
      );
      return given.some((candidate) => timingSafeEqual(candidate, expected));
    });
    return signed ? undefined : 'No signature in webhook-signature matches this message.';
  }
}
