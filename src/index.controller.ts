import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';

import { Environment } from './config/environment.js';
import { RELEASE } from './release.js';
import { ApiRateLimited } from './throttling/api-rate-limited.js';

/** What the service is and where its parts are. */
export class IndexDto {
  @ApiProperty({ example: RELEASE.name })
  readonly name: string = RELEASE.name;

  @ApiProperty({ example: RELEASE.version })
  readonly version: string = RELEASE.version;

  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'string' },
    example: { products: '/api/products', docs: '/docs' },
    description: 'Relative references.',
  })
  readonly links: Readonly<Record<string, string>>;

  constructor(documented: boolean) {
    this.links = {
      products: '/api/products',
      health: '/health',
      live: '/health/live',
      ready: '/health/ready',
      metrics: '/metrics',
      ...(documented ? { docs: '/docs', openapi: '/docs-json' } : {}),
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
  @ApiRateLimited('/')
  find(): IndexDto {
    return this.index;
  }
}
