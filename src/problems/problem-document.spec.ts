import { describe, expect, it } from '@jest/globals';
import { NotFoundException } from '@nestjs/common';

import { DatabaseOverloadedError } from '../database/database-overloaded.error.js';
import { DatabaseUnavailableError } from '../database/database-unavailable.error.js';
import { describeProblem, toProblem } from './problem-document.js';
import { validationFailed } from './problem.js';

const occurrence = { url: '/api/products?limit=0', requestId: 'r-1' };

describe(toProblem.name, () => {
  it('returns a problem unchanged', () => {
    const problem = validationFailed({ parameter: 'limit', message: 'is too small' });
    expect(describeProblem(toProblem(problem), occurrence)).toEqual({
      type: 'urn:problem-type:farmlokal:validation-failed',
      title: 'A parameter is not valid',
      status: 400,
      detail: 'limit: is too small',
      instance: '/api/products',
      requestId: 'r-1',
      errors: [{ parameter: 'limit', message: 'is too small' }],
    });
  });

  it.each([
    [400, 'malformed-request'],
    [403, 'not-found'],
    [404, 'not-found'],
    [405, 'method-not-allowed'],
    [413, 'payload-too-large'],
    [414, 'malformed-request'],
    [415, 'unsupported-media-type'],
    [431, 'malformed-request'],
  ])('maps a framework error of status %i', (statusCode, slug) => {
    expect(toProblem({ statusCode, message: 'internal words' })).toMatchObject({
      slug,
      status: statusCode === 403 ? 404 : statusCode,
      detail: expect.not.stringContaining('internal words'),
    });
  });

  it.each([
    ['/api/products?x=1#y', '/api/products'],
    ['http://user:secret@host/api/products?x=1', '/api/products'],
    ['/%', '/%'],
  ])('uses only the path of %s as the instance', (url, instance) => {
    expect(describeProblem(toProblem(new Error()), { ...occurrence, url }).instance).toBe(instance);
  });

  it.each([
    [new DatabaseUnavailableError('The catalog does not answer.'), 'dependency-unavailable'],
    [new DatabaseOverloadedError('The catalog has too many requests.'), 'overloaded'],
  ])('turns %s into a problem that can be retried', (error, slug) => {
    expect(toProblem(error)).toMatchObject({
      slug,
      status: 503,
      detail: error.message,
      headers: { 'Retry-After': '1' },
    });
  });

  it('maps an exception of Nest', () => {
    expect(toProblem(new NotFoundException()).slug).toBe('not-found');
  });

  it.each([
    new Error('SELECT secret'),
    'text',
    undefined,
    null,
    { statusCode: 503 },
    { statusCode: 200 },
  ])('hides the message of any other error (%#)', (error) => {
    const problem = toProblem(error);
    expect(problem.slug).toBe('internal-error');
    expect(problem.status).toBe(500);
    expect(problem.detail).not.toContain('SELECT');
  });
});
