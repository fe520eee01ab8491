import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import { RELEASE } from '../release.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route serves the OpenAPI page, a file of it, or the document. */
    isDocumentation?: boolean;
  }
}

/** The page runs its own scripts and adds inline styles. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'";

/**
 * Serves the OpenAPI page at `/docs` and the document at `/docs-json`.
 *
 * @param currency the currency of the catalog, for the examples of prices.
 */
export function setUpOpenApi(app: INestApplication, currency: string): void {
  const description = new DocumentBuilder()
    .setTitle('FarmLokal')
    .setDescription(
      'A hyperlocal marketplace that joins households with the farmers and producers near them. Every error is an RFC 9457 problem.',
    )
    .setVersion(RELEASE.version)
    .addBearerAuth({ type: 'http', scheme: 'bearer' }, 'METRICS_TOKEN')
    .build();
  const fastify = app.getHttpAdapter().getInstance() as FastifyInstance;
  fastify.addHook('onRoute', (route) => {
    if (route.url.startsWith('/docs')) {
      route.config = { ...route.config, isDocumentation: true };
      route.onRequest = setContentSecurityPolicy;
    }
  });
  SwaggerModule.setup(
    'docs',
    app,
    () => withCurrency(currency, SwaggerModule.createDocument(app, description)),
    { jsonDocumentUrl: 'docs-json', raw: ['json'], customSiteTitle: 'FarmLokal API' },
  );
}

function setContentSecurityPolicy(
  _request: FastifyRequest,
  reply: FastifyReply,
  done: () => void,
): void {
  reply.header('content-security-policy', CONTENT_SECURITY_POLICY);
  done();
}

/** Sets the currency of the examples, because decorators run before the environment is read. */
function withCurrency(currency: string, document: OpenAPIObject): OpenAPIObject {
  return JSON.parse(JSON.stringify(document), (key, value: unknown) => {
    if (key !== 'currency') {
      return value;
    }
    return typeof value === 'string' ? currency : { ...(value as object), example: currency };
  }) as OpenAPIObject;
}
