import { describe, expect, it } from '@jest/globals';
import { createHmac, randomBytes } from 'node:crypto';

import { type SignedMessage, SignatureVerifier } from './signature.js';

/** The example of the Standard Webhooks specification. */
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const PUBLISHED: SignedMessage = {
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: '1614265330',
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  body: Buffer.from('{"test": 2432232314}'),
};
const THEN = 1_614_265_330_000;

const OTHER_SECRET = `whsec_${randomBytes(24).toString('base64')}`;

const verifier = new SignatureVerifier([SECRET]);

function isTaken(message: SignedMessage, now = THEN, by = verifier): boolean {
  return by.fault(message, now) === undefined;
}

function flipped(text: string, nth: number): string {
  const bytes = Buffer.from(text, 'latin1');
  bytes[nth] = (bytes[nth] ?? 0) ^ 1;
  return bytes.toString('latin1');
}

describe(SignatureVerifier.name, () => {
  it('takes the published example', () => {
    expect(isTaken(PUBLISHED)).toBe(true);
  });

  it.each(['id', 'timestamp', 'signature'] as const)(
    'refuses any flipped bit in the %s',
    (part) => {
      for (let nth = 0; nth < PUBLISHED[part].length; nth += 1) {
        expect(isTaken({ ...PUBLISHED, [part]: flipped(PUBLISHED[part], nth) })).toBe(false);
      }
    },
  );

  it('refuses any flipped bit in the body, and any part of it', () => {
    const body = PUBLISHED.body.toString('latin1');
    for (let nth = 0; nth < body.length; nth += 1) {
      expect(isTaken({ ...PUBLISHED, body: Buffer.from(flipped(body, nth), 'latin1') })).toBe(
        false,
      );
      expect(isTaken({ ...PUBLISHED, body: PUBLISHED.body.subarray(0, nth) })).toBe(false);
    }
    expect(isTaken({ ...PUBLISHED, body: Buffer.from(JSON.stringify(body)) })).toBe(false);
  });

  it('verifies the bytes, whatever they mean', () => {
    const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64');
    for (const body of [
      Buffer.from('{"b":1.0,  "a":"\\u00e9"}'),
      Buffer.from('{"a":1}\n'),
      Buffer.from([0xff, 0xfe, 0x00]),
      Buffer.alloc(0),
    ]) {
      const head = `${PUBLISHED.id}.${PUBLISHED.timestamp}.`;
      const hmac = createHmac('sha256', key).update(head).update(body).digest('base64');
      expect(isTaken({ ...PUBLISHED, body, signature: `v1,${hmac}` })).toBe(true);
    }
  });

  it.each([
    [-301, false],
    [-300, true],
    [300, true],
    [301, false],
  ])('at %d seconds off, takes it: %s', (seconds, taken) => {
    expect(isTaken(PUBLISHED, THEN + seconds * 1000)).toBe(taken);
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
  ])('refuses the timestamp %j', (timestamp) => {
    expect(isTaken({ ...PUBLISHED, timestamp })).toBe(false);
  });

  it.each([
    ['none', ''],
    ['one without a version', PUBLISHED.signature.slice(3)],
    ['one of another version', PUBLISHED.signature.replace('v1', 'v2')],
    ['one of asymmetric keys', PUBLISHED.signature.replace('v1', 'v1a')],
    ['its beginning', PUBLISHED.signature.slice(0, -1)],
    ['more than it', `${PUBLISHED.signature}=`],
    ['it with something before it', `x${PUBLISHED.signature}`],
    ['it in base64url', PUBLISHED.signature.replaceAll('+', '-').replaceAll('/', '_')],
    ['many wrong ones', `v1,${'A'.repeat(43)}= `.repeat(340)],
  ])('refuses %s for a signature', (_, signature) => {
    expect(isTaken({ ...PUBLISHED, signature })).toBe(false);
  });

  const wrong = `v1,${'A'.repeat(43)}=`;

  it.each([
    ['among several', `v1a,AAAA v1,BBBB ${PUBLISHED.signature} ${wrong}`],
    [
      'behind as many as the headers of a request hold',
      `${`${wrong} `.repeat(339)}${PUBLISHED.signature}`,
    ],
    ['in a second header line', `${wrong}, ${PUBLISHED.signature}`],
    ['in the first of two header lines', `${PUBLISHED.signature}, v1a,${'A'.repeat(86)}==`],
    [
      'in a header line with several',
      `${wrong} v2,AAAA, ${wrong} ${PUBLISHED.signature}, ${wrong}`,
    ],
    ['in lines that a proxy joined without a space', `${wrong},${PUBLISHED.signature}`],
    ['between tabs and several spaces', `${wrong}  \t${PUBLISHED.signature} `],
  ])('finds the valid signature %s', (_, signature) => {
    expect(isTaken({ ...PUBLISHED, signature })).toBe(true);
  });

  it.each([
    [{ id: '' }, 'webhook-id'],
    [{ timestamp: '' }, 'webhook-timestamp'],
    [{ signature: '' }, 'webhook-signature'],
    [{ timestamp: '', signature: '' }, 'webhook-timestamp, webhook-signature'],
    [{ id: '', timestamp: '', signature: '' }, 'webhook-id, webhook-timestamp, webhook-signature'],
  ])('names the headers that are missing in %j', (parts, names) => {
    expect(verifier.fault({ ...PUBLISHED, ...parts }, THEN)).toBe(
      `Missing headers: ${names}. Headers of other names, such as svix-id, are not read.`,
    );
  });

  it.each(['1614265330000', '2021-02-25T15:02:10Z', '1614264000'])(
    'says what the timestamp %s has to be',
    (timestamp) => {
      expect(verifier.fault({ ...PUBLISHED, timestamp }, THEN)).toContain(
        'webhook-timestamp has to be in seconds since 1970, within five minutes of now',
      );
    },
  );

  it('says that no signature matches', () => {
    expect(verifier.fault({ ...PUBLISHED, signature: wrong }, THEN)).toBe(
      'No signature in webhook-signature matches this message.',
    );
  });

  it('takes what any of its secrets has signed', () => {
    expect(isTaken(PUBLISHED, THEN, new SignatureVerifier([OTHER_SECRET, SECRET]))).toBe(true);
    expect(isTaken(PUBLISHED, THEN, new SignatureVerifier([OTHER_SECRET]))).toBe(false);
  });
});
