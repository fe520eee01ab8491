import { Injectable } from '@nestjs/common';
import { Histogram, Registry } from 'prom-client';

/** A request that was answered. */
export interface AnsweredRequest {
  readonly method: string;
  /** The route's template; undefined where no route matches. */
  readonly route: string | undefined;
  readonly status: number;
  readonly durationMs: number;
}

/** Others are one label: a client may make up any. */
const METHODS = new Set(['GET', 'HEAD', 'POST']);

/** How long requests take, by what was asked for and how it was answered. */
@Injectable()
export class RequestMetrics {
  private readonly durations: Histogram<'method' | 'route' | 'status'>;

  constructor(registry: Registry) {
    this.durations = new Histogram({
      name: 'farmlokal_http_request_duration_seconds',
      help: 'How long requests took, from the first byte read to the last byte written.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers: [registry],
    });
  }

  observe({ method, route = 'unmatched', status, durationMs }: AnsweredRequest): void {
    this.durations.observe(
      {
        method: METHODS.has(method) ? method : 'OTHER',
        route,
        status: `${Math.floor(status / 100)}xx`,
      },
      durationMs / 1000,
    );
  }
}
