import { Ajv } from 'ajv';

import { readTimestamp } from '../../src/http/rfc3339-timestamp.js';
import { PROBLEM_MEDIA_TYPE } from '../../src/problems/problem-document.js';
import { PROBLEM_TYPES } from '../../src/problems/problem-types.js';
import type { ProblemBody } from './http.js';
import type { OpenApi } from './openapi.js';
import type { RawResponse } from './raw-connection.js';

/** Problems that name the invalid parameters. */
const WITH_ERRORS = new Set(['validation-failed', 'invalid-cursor']);
/** Its 503 has the report as its body, not a problem. */
const REPORT_PATH = '/health';
/** Errors that come before the service knows the methods of the path. */
const UNREADABLE_PATH = new Set([400, 408, 414]);
/** Paths that shared caches may store; everything else is no-store. */
const PAGE = /^\/api\/products(\/[^/]+)?$/;
const STATIC_FILE = /^\/docs\/.+/;

/** The target of a request. */
export interface RequestTarget {
  readonly method: string;
  /** Without the query; undefined if the bytes are not a request. */
  readonly path?: string;
}

/** Checks responses against the OpenAPI document and the rules for problems and caching. */
export class Contract {
  private readonly ajv = new Ajv({ strict: false, validateSchema: false });
  private readonly paths: readonly (readonly [pattern: RegExp, path: string])[];

  constructor(private readonly document: OpenApi) {
    this.ajv.addFormat('date-time', (text) => readTimestamp(text) !== undefined);
    this.ajv.addFormat('uri', (text) => URL.canParse(text));
    this.ajv.addSchema(document, 'openapi');
    this.paths = Object.keys(document.paths).map((path) => [
      new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`),
      path,
    ]);
  }

  /** The violations of a response; none if it is valid. */
  faults({ method, path }: RequestTarget, response: RawResponse): string[] {
    const { status, headers } = response;
    return [
      ...(headers.has('x-request-id') || status === 204 ? [] : ['no X-Request-Id']),
      // A slow dependency can cause a 503; nothing may cause another 5xx.
      ...(status < 500 || status === 503 ? [] : ['a 5xx']),
      ...(status < 400 || method === 'HEAD' ? [] : this.problemFaults(path, response)),
      ...cachingFaults(path, response),
      ...(path === undefined ? [] : this.operationFaults(method, path, response)),
    ];
  }

  private problemFaults(
    path: string | undefined,
    { status, headers, body }: RawResponse,
  ): string[] {
    const type = headers.get('content-type');
    if (type !== PROBLEM_MEDIA_TYPE) {
      return path === REPORT_PATH ? [] : [`an error of the media type ${type}`];
    }
    const problem = JSON.parse(body) as ProblemBody;
    const faults = this.schemaFaults('/components/schemas/ProblemDto', problem);
    if (faults.length > 0) return faults;
    const slug = problem.type.replace('urn:problem-type:farmlokal:', '');
    const [fault] = problem.errors ?? [];
    const expected = {
      type: problem.type,
      title: PROBLEM_TYPES[slug as keyof typeof PROBLEM_TYPES].title,
      status,
      detail: fault === undefined ? problem.detail : `${fault.parameter}: ${fault.message}`,
      instance: path ?? problem.instance,
      requestId: headers.get('x-request-id'),
      ...(WITH_ERRORS.has(slug) ? { errors: problem.errors ?? [] } : {}),
    };
    return JSON.stringify(problem) === JSON.stringify(expected)
      ? []
      : [`not the problem ${JSON.stringify(expected)}`];
  }

  private operationFaults(method: string, path: string, response: RawResponse): string[] {
    const { status, headers, body } = response;
    const decoded = path.replace(/%(\w\w)/g, decodeUnreserved);
    const [, template = ''] = this.paths.find(([pattern]) => pattern.test(decoded)) ?? [];
    const operations = this.document.paths[template];
    if (operations === undefined) return [];
    const name = method === 'HEAD' && 'get' in operations ? 'get' : method.toLowerCase();
    const operation = operations[name];
    if (operation === undefined) {
      const refused = status === 405 && headers.has('allow');
      const preflight = method === 'OPTIONS' && status === 204;
      return refused || preflight || UNREADABLE_PATH.has(status)
        ? []
        : [`no 405, though ${template} has no ${method}`];
    }
    const documented = operation.responses[status];
    if (documented === undefined) return [`a status that ${operation.operationId} does not have`];
    const [type = ''] = (headers.get('content-type') ?? '').split(';');
    if (body + type === '') return [];
    if (documented.content?.[type] === undefined) {
      return [`a media type that ${operation.operationId} does not have`];
    }
    if (method === 'HEAD') return [];
    const schema = ['paths', template, name, 'responses', `${status}`, 'content', type, 'schema'];
    return this.schemaFaults(
      schema.map(escapePointer).join(''),
      type.endsWith('json') ? JSON.parse(body) : body,
    );
  }

  private schemaFaults(pointer: string, value: unknown): string[] {
    const validate = this.ajv.getSchema(`openapi#${pointer}`);
    if (validate === undefined) throw new Error(`The document has no schema at ${pointer}`);
    return validate(value) === true ? [] : [this.ajv.errorsText(validate.errors)];
  }
}

/** Every error is no-store; other responses can be checked only if their path is known. */
function cachingFaults(path: string | undefined, { status, headers }: RawResponse): string[] {
  const decoded = status < 400 ? path?.replace(/%(\w\w)/g, decodeUnreserved) : '';
  if (decoded === undefined || STATIC_FILE.test(decoded)) return [];
  const expected = status !== 204 && PAGE.test(decoded) ? 'public, no-cache' : 'no-store';
  const given = headers.get('cache-control');
  return given === expected ? [] : [`a Cache-Control of ${given}`];
}

/** The router decodes unreserved characters only. */
function decodeUnreserved(encoded: string, hex: string): string {
  const character = String.fromCharCode(Number.parseInt(hex, 16));
  return /[\w.~-]/.test(character) ? character : encoded;
}

function escapePointer(segment: string): string {
  return `/${encodeURIComponent(segment.replaceAll('~', '~0').replaceAll('/', '~1'))}`;
}
