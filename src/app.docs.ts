import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';

import { RELEASE } from './release.js';

/** Serves the OpenAPI page at `/docs` and its document at `/docs-json`. */
export function setUpDocs(app: INestApplication): void {
  const description = new DocumentBuilder()
    .setTitle('FarmLokal')
    .setDescription(
      'A hyperlocal marketplace that joins households with the farmers and producers near them. Every error is an RFC 9457 problem.',
    )
    .setVersion(RELEASE.version)
    .build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, description), {
    jsonDocumentUrl: 'docs-json',
    yamlDocumentUrl: 'docs-yaml',
    customSiteTitle: 'FarmLokal API',
  });
}
