import { beforeAll, describe, expect, it } from '@jest/globals';

import { PROBLEM_TYPES } from '../../src/problems/problem-types.js';
import { httpFetch, type ProductPage } from '../support/http.js';
import type { OpenApi, Operation, Schema } from '../support/openapi.js';
import { insertProducts } from '../support/products.js';
import { startService } from '../support/service.js';
import { type SharedService, sharedService } from '../support/shared-service.js';

let service: SharedService;
let document: OpenApi;
let operations: [string, Operation][];

beforeAll(async () => {
  service = await sharedService();
  await insertProducts(service.database, [{}]);
  document = (await httpFetch<OpenApi>(`${service.url}/docs-json`)).body;
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.values(methods).map((operation): [string, Operation] => [path, operation]),
  );
});

function resolve(schema: Schema | undefined): Schema | undefined {
  const name = schema?.$ref?.replace('#/components/schemas/', '');
  return name === undefined ? schema : document.components.schemas[name];
}

describe('GET /docs-json', () => {
  it('describes every route', () => {
    expect(operations.map(([path]) => path).sort()).toEqual([
      '/',
      '/api/products',
      '/api/products/{id}',
      '/api/products/{id}/availability',
      '/api/webhooks/catalog',
      '/health',
      '/health/live',
      '/health/ready',
      '/metrics',
    ]);
  });

  it('describes every parameter, with a bound and an example or a default', () => {
    for (const [path, { parameters }] of operations) {
      for (const { name, description, schema, example, examples } of parameters) {
        const bounds = ['enum', 'pattern', 'maximum', 'maxLength'].filter((key) =>
          [schema, ...(schema.allOf ?? [])].some((part) => key in part),
        );
        const shown = example ?? examples ?? schema.example ?? schema.default;
        expect({ path, name, description, bounds, shown }).toEqual({
          path,
          name,
          description: expect.stringMatching(/\w/),
          bounds: expect.arrayContaining([expect.any(String)]),
          shown: expect.anything(),
        });
      }
    }
    const list = document.paths['/api/products']?.get;
    expect(list?.parameters.map(({ name }) => name)).toEqual([
      'limit',
      'sort',
      'order',
      'category',
      'minPrice',
      'maxPrice',
      'cursor',
    ]);
  });

  it('has a schema for every body and an example of every problem', () => {
    const slugs = Object.keys(PROBLEM_TYPES);
    for (const [path, { responses }] of operations) {
      for (const [status, { description, content }] of Object.entries(responses)) {
        expect(description).toMatch(/\w/);
        for (const [type, { schema, examples }] of Object.entries(content ?? {})) {
          const described = type.includes('json') ? resolve(schema)?.properties : schema;
          expect({ path, status, type, described }).toMatchObject({
            described: expect.any(Object),
          });
          for (const { value } of Object.values(examples ?? {})) {
            expect(String(value.status)).toBe(status);
            expect(slugs).toContain(value.type.replace('urn:problem-type:farmlokal:', ''));
          }
        }
        // /health returns its report with either status.
        if (Number(status) >= 400 && path !== '/health') {
          expect(Object.keys(content?.['application/problem+json']?.examples ?? {})).not.toEqual(
            [],
          );
        }
      }
    }
  });

  it('lists the fields of a page, a product and a problem', async () => {
    const page = await httpFetch<ProductPage>(`${service.url}/api/products`);
    const schema = resolve(
      document.paths['/api/products']?.get?.responses['200']?.content?.['application/json']?.schema,
    );
    expect(Object.keys(schema?.properties ?? {})).toEqual(Object.keys(page.body));
    const product = resolve(schema?.properties?.data?.items);
    expect(Object.keys(product?.properties ?? {})).toEqual(Object.keys(page.body.data[0] ?? {}));

    const problem = await httpFetch<object>(`${service.url}/api/products?limit=0`);
    const problemSchema = document.components.schemas.ProblemDto;
    expect(Object.keys(problemSchema?.properties ?? {})).toEqual(Object.keys(problem.body));
  });

  it('names its schemas as their classes, which a bundler could rename', () => {
    const names = Object.keys(document.components.schemas);
    expect(names).toEqual(expect.arrayContaining(['ProbeDto', 'IndexDto', 'ProblemDto']));
    expect(names.filter((name) => /\d/.test(name))).toEqual([]);
  });

  it('has examples in the currency of the catalog', async () => {
    const european = await startService({ DATABASE_URL: service.database.url, CURRENCY: 'EUR' });
    const text = JSON.stringify((await httpFetch(`${european.url}/docs-json`)).body);
    expect(text).toContain('"currency":"EUR"');
    expect(text).not.toContain('INR');
    expect(JSON.stringify(document)).toContain('"currency":"INR"');
    await european.kill('SIGKILL');
  });

  it('is shown by GET /docs', async () => {
    const { status, headers, body } = await httpFetch<string>(`${service.url}/docs`);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toContain('text/html');
    const script = /src="([^"]*swagger-ui-init\.js)"/.exec(body)?.[1] ?? '';
    expect((await httpFetch<string>(new URL(script, `${service.url}/docs`).href)).body).toContain(
      'listProducts',
    );
  });

  it('can be disabled', async () => {
    const closed = await startService({
      DATABASE_URL: service.database.url,
      DOCS_ENABLED: 'false',
    });
    expect((await httpFetch(`${closed.url}/docs`)).status).toBe(404);
    expect((await httpFetch(`${closed.url}/docs-json`)).status).toBe(404);
    expect((await httpFetch(`${closed.url}/`)).body).not.toMatchObject({
      links: { docs: expect.anything() },
    });
    await closed.kill('SIGKILL');
  });
});
