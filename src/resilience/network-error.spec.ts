import { describe, expect, it } from '@jest/globals';
import { errors } from 'undici';

import { describeNetworkError } from './network-error.js';

function errorWith(code: string, properties: object = {}): Error {
  return Object.assign(new Error(`connect ${code} partner.example`), { code, ...properties });
}

describe(describeNetworkError.name, () => {
  it.each([
    [errorWith('ECONNREFUSED'), 'the connection was refused (ECONNREFUSED)'],
    [errorWith('UND_ERR_SOCKET'), 'the connection was closed (UND_ERR_SOCKET)'],
    [errorWith('CERT_HAS_EXPIRED'), 'the connection failed (CERT_HAS_EXPIRED)'],
    [
      errorWith('ERR_SSL_WRONG_VERSION_NUMBER', {
        library: 'SSL routines',
        reason: 'wrong version number',
      }),
      'the TLS handshake failed: wrong version number (ERR_SSL_WRONG_VERSION_NUMBER)',
    ],
    [new TypeError('partner.example'), 'the connection failed (TypeError)'],
  ])('describes %s without the host name', (error, description) => {
    expect(describeNetworkError(error)).toBe(description);
  });

  it.each([
    [errorWith('HPE_INVALID_VERSION'), 'the response is not valid HTTP (HPE_INVALID_VERSION)'],
    [errorWith('HPE_INVALID_CONSTANT'), 'the response is not valid HTTP (HPE_INVALID_CONSTANT)'],
    [
      new errors.HTTPParserError(
        'Response does not match the HTTP/1.1 protocol (Invalid HTTP version)',
      ),
      'the response is not valid HTTP (Invalid HTTP version)',
    ],
  ])('reports that a response is not HTTP: %s', (error, description) => {
    expect(describeNetworkError(error)).toBe(description);
  });
});
