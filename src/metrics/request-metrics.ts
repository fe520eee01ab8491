import { Injectable } from '@nestjs/common';
import { Histogram, Registry } from 'prom-client';

export interface RequestMeasurement {
  readonly method: string;
  /** The route's template; undefined where no route matches. */
  readonly route: string | undefined;
  readonly status: number;
  readonly durationMs: number;
}

/** Methods with a label of their own. The others share one, because a client can send any method. */
const METHODS = new Set(['GET', 'HEAD', 'POST']);

/** Measures the duration of requests by method, route and status. */
@Injectable()
export class RequestMetrics {
  private readonly durations: Histogram<'method' | 'route' | 'status'>;

  constructor(registry: Registry) {
    this.durations = new Histogram({
      name: 'farmlokal_http_request_duration_seconds',
      help: 'Duration of requests, from the first byte read to the last byte written.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers: [registry],
    });
  }

  observe({ method, route = 'unmatched', status, durationMs }: RequestMeasurement): void {
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
