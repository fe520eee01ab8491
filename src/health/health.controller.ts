import { Controller, Get, Header } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';

import { dependencyUnavailable } from '../problems/problem.js';
import { ApiProblem } from '../problems/problem.dto.js';
import { Readiness } from './readiness.js';

/** The answer of a probe that is content. */
class ProbeDto {
  @ApiProperty({ enum: ['ok'] })
  readonly status = 'ok';
}

const OK = new ProbeDto();

@ApiTags('health')
@Controller('health')
export class HealthController {
  constructor(private readonly readiness: Readiness) {}

  @Get('live')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({
    operationId: 'live',
    summary: 'Whether the process runs; asks nothing of anyone',
  })
  @ApiOkResponse({ type: ProbeDto, description: 'It runs.' })
  live(): ProbeDto {
    return OK;
  }

  @Get('ready')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ operationId: 'ready', summary: 'Whether this replica wants requests' })
  @ApiOkResponse({ type: ProbeDto, description: 'It has started and is not shutting down.' })
  @ApiProblem('It is starting or shutting down.', {
    'dependency-unavailable': {
      detail: 'The catalogue is not connected yet.',
      instance: '/health/ready',
    },
  })
  ready(): ProbeDto {
    const { obstacle } = this.readiness;
    if (obstacle !== undefined) {
      throw dependencyUnavailable(obstacle);
    }
    return OK;
  }
}
