import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';

import { Environment } from './config/environment.js';
import { NoQuery } from './http/no-query.guard.js';
import { RELEASE } from './release.js';
import { ApiRateLimited } from './throttling/api-rate-limited.js';

export class IndexDto {
  @ApiProperty({ example: RELEASE.name })
  readonly name: string = RELEASE.name;

  @ApiProperty({ example: RELEASE.version })
  readonly version: string = RELEASE.version;

  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'string' },
    example: { products: '/api/products', docs: '/docs' },
    description: 'Links to the resources, as relative references.',
  })
  readonly links: Readonly<Record<string, string>>;

  constructor(hasDocs: boolean) {
    this.links = {
      products: '/api/products',
      health: '/health',
      live: '/health/live',
      ready: '/health/ready',
      metrics: '/metrics',
      ...(hasDocs ? { docs: '/docs', openapi: '/docs-json' } : {}),
    };
  }
}

@ApiTags('index')
@Controller()
export class IndexController {
  private readonly index: IndexDto;

  constructor({ DOCS_ENABLED }: Environment) {
    this.index = new IndexDto(DOCS_ENABLED);
  }

  @Get()
  @ApiOperation({ operationId: 'index', summary: 'Name, version and links' })
  @ApiOkResponse({ type: IndexDto, description: 'The service.' })
  @NoQuery('/')
  @ApiRateLimited('/')
  find(): IndexDto {
    return this.index;
  }
}
