import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { FastifyInstance } from 'fastify';

import { RELEASE } from './release.js';

/** What the page needs: its own scripts, and styles that it makes as it goes. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'";

/** Serves the OpenAPI page at `/docs` and its document at `/docs-json`. */
export function setUpDocs(app: INestApplication): void {
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
    if (request.routeOptions.url?.startsWith('/docs') === true) {
      reply.header('Content-Security-Policy', POLICY);
    }
    done();
  });
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, description), {
    jsonDocumentUrl: 'docs-json',
    yamlDocumentUrl: 'docs-yaml',
    customSiteTitle: 'FarmLokal API',
  });
}
