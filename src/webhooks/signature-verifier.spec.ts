import { describe, expect, it } from '@jest/globals';
import { createHmac, randomBytes } from 'node:crypto';

import { SignatureVerifier } from './signature-verifier.js';
import type { SignedMessage } from './signed-message.js';

/** The example of the Standard Webhooks specification. */
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const PUBLISHED: SignedMessage = {
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: '1614265330',
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  body: Buffer.from('{"test": 2432232314}'),
};
/** The example's timestamp, in milliseconds. */
const THEN = 1_614_265_330_000;

const OTHER_SECRET = `whsec_${randomBytes(24).toString('base64')}`;

const verifier = new SignatureVerifier([SECRET]);

function isValid(message: SignedMessage, now = THEN, verifiedBy = verifier): boolean {
  return verifiedBy.findFault(message, now) === undefined;
}

function flipped(text: string, index: number): string {
  const bytes = Buffer.from(text, 'latin1');
  bytes[index] = (bytes[index] ?? 0) ^ 1;
  return bytes.toString('latin1');
}

describe(SignatureVerifier.name, () => {
  it('accepts the published example', () => {
    expect(isValid(PUBLISHED)).toBe(true);
  });

  it.each(['id', 'timestamp', 'signature'] as const)(
    'rejects any flipped bit in the %s',
    (part) => {
      for (let index = 0; index < PUBLISHED[part].length; index += 1) {
        expect(isValid({ ...PUBLISHED, [part]: flipped(PUBLISHED[part], index) })).toBe(false);
      }
    },
  );

  it('rejects a body with a flipped bit, and a truncated body', () => {
    const body = PUBLISHED.body.toString('latin1');
    for (let index = 0; index < body.length; index += 1) {
      expect(isValid({ ...PUBLISHED, body: Buffer.from(flipped(body, index), 'latin1') })).toBe(
        false,
      );
      expect(isValid({ ...PUBLISHED, body: PUBLISHED.body.subarray(0, index) })).toBe(false);
    }
    expect(isValid({ ...PUBLISHED, body: Buffer.from(JSON.stringify(body)) })).toBe(false);
  });

  it('verifies the raw bytes, also when they are not valid text', () => {
    const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64');
    for (const body of [
      Buffer.from('{"b":1.0,  "a":"\\u00e9"}'),
      Buffer.from('{"a":1}\n'),
      Buffer.from([0xff, 0xfe, 0x00]),
      Buffer.alloc(0),
    ]) {
      const head = `${PUBLISHED.id}.${PUBLISHED.timestamp}.`;
      const hmac = createHmac('sha256', key).update(head).update(body).digest('base64');
      expect(isValid({ ...PUBLISHED, body, signature: `v1,${hmac}` })).toBe(true);
    }
  });

  it.each([
    [-301, false],
    [-300, true],
    [300, true],
    [301, false],
  ])('accepts a clock difference of %d seconds: %s', (seconds, expected) => {
    expect(isValid(PUBLISHED, THEN + seconds * 1000)).toBe(expected);
  });

  it.each([
    '',
    ' ',
    '1614265330.0',
    '1e9',
    '-1',
    '+1614265330',
    ' 1614265330',
    'NaN',
    '9'.repeat(400),
  ])('rejects the timestamp %j', (timestamp) => {
    expect(isValid({ ...PUBLISHED, timestamp })).toBe(false);
  });

  it.each([
    ['an empty header', ''],
    ['a signature without a version', PUBLISHED.signature.slice(3)],
    ['a signature of another version', PUBLISHED.signature.replace('v1', 'v2')],
    ['an asymmetric signature', PUBLISHED.signature.replace('v1', 'v1a')],
    ['a truncated signature', PUBLISHED.signature.slice(0, -1)],
    ['a signature with a character appended', `${PUBLISHED.signature}=`],
    ['a signature with a character prepended', `x${PUBLISHED.signature}`],
    ['a signature in base64url', PUBLISHED.signature.replaceAll('+', '-').replaceAll('/', '_')],
    ['340 wrong signatures', `v1,${'A'.repeat(43)}= `.repeat(340)],
  ])('rejects %s', (_, signature) => {
    expect(isValid({ ...PUBLISHED, signature })).toBe(false);
  });

  const wrong = `v1,${'A'.repeat(43)}=`;

  it.each([
    ['among several', `v1a,AAAA v1,BBBB ${PUBLISHED.signature} ${wrong}`],
    ['after 339 wrong ones', `${`${wrong} `.repeat(339)}${PUBLISHED.signature}`],
    ['in a second header', `${wrong}, ${PUBLISHED.signature}`],
    ['in the first of two headers', `${PUBLISHED.signature}, v1a,${'A'.repeat(86)}==`],
    [
      'among several in one of three headers',
      `${wrong} v2,AAAA, ${wrong} ${PUBLISHED.signature}, ${wrong}`,
    ],
    ['in headers that a proxy joined without a space', `${wrong},${PUBLISHED.signature}`],
    ['between tabs and several spaces', `${wrong}  \t${PUBLISHED.signature} `],
  ])('finds the valid signature %s', (_, signature) => {
    expect(isValid({ ...PUBLISHED, signature })).toBe(true);
  });

  it.each([
    [{ id: '' }, 'webhook-id'],
    [{ timestamp: '' }, 'webhook-timestamp'],
    [{ signature: '' }, 'webhook-signature'],
    [{ timestamp: '', signature: '' }, 'webhook-timestamp, webhook-signature'],
    [{ id: '', timestamp: '', signature: '' }, 'webhook-id, webhook-timestamp, webhook-signature'],
  ])('names the headers that are missing in %j', (parts, names) => {
    expect(verifier.findFault({ ...PUBLISHED, ...parts }, THEN)).toBe(
      `Missing headers: ${names}. Headers of other names, such as svix-id, are not read.`,
    );
  });

  it.each(['1614265330000', '2021-02-25T15:02:10Z', '1614264000'])(
    'describes a valid timestamp, given %s',
    (timestamp) => {
      expect(verifier.findFault({ ...PUBLISHED, timestamp }, THEN)).toContain(
        'webhook-timestamp must be in seconds since 1970, within five minutes of now',
      );
    },
  );

  it('reports that no signature matches', () => {
    expect(verifier.findFault({ ...PUBLISHED, signature: wrong }, THEN)).toBe(
      'No signature in webhook-signature matches this message.',
    );
  });

  it('accepts a signature by any of its secrets', () => {
    expect(isValid(PUBLISHED, THEN, new SignatureVerifier([OTHER_SECRET, SECRET]))).toBe(true);
    expect(isValid(PUBLISHED, THEN, new SignatureVerifier([OTHER_SECRET]))).toBe(false);
  });
});
