import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import { RELEASE } from '../release.js';

/** What the page needs: its own scripts, and styles that it makes as it goes. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'";

const READING = new Set(['GET', 'HEAD']);

/**
 * Serves the OpenAPI page at `/docs` and its document at `/docs-json`.
 *
 * @param currency the currency of the catalogue, in which the examples are priced.
 * @param charge counts a request for them against its client: no guard is asked for what is no controller's.
 */
export function setUpDocs(
  app: INestApplication,
  currency: string,
  charge: (request: FastifyRequest, reply: FastifyReply) => Promise<void>,
): void {
  const description = new DocumentBuilder()
    .setTitle('FarmLokal')
    .setDescription(
      'A hyperlocal marketplace that joins households with the farmers and producers near them. Every error is an RFC 9457 problem.',
    )
    .setVersion(RELEASE.version)
    .addBearerAuth({ type: 'http', scheme: 'bearer' }, 'METRICS_TOKEN')
    .build();
  const fastify = app.getHttpAdapter().getInstance() as FastifyInstance;
  fastify.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.url?.startsWith('/docs') !== true) {
      done();
      return;
    }
    reply.header('Content-Security-Policy', POLICY);
    if (!READING.has(request.method)) {
      // Refused, and charged for, as it is everywhere else.
      done();
      return;
    }
    charge(request, reply).then(() => {
      done();
    }, done);
  });
  const document = (): OpenAPIObject =>
    pricedIn(currency, SwaggerModule.createDocument(app, description));
  SwaggerModule.setup('docs', app, document, {
    jsonDocumentUrl: 'docs-json',
    raw: ['json'],
    customSiteTitle: 'FarmLokal API',
  });
}

/** Puts the currency into the examples, which were made before the environment was read. */
function pricedIn(currency: string, document: OpenAPIObject): OpenAPIObject {
  return JSON.parse(JSON.stringify(document), (key, value: unknown) => {
    if (key !== 'currency') {
      return value;
    }
    return typeof value === 'string' ? currency : { ...(value as object), example: currency };
  }) as OpenAPIObject;
}
