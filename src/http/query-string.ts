import { Problem, validationFailed } from '../problems/problem.js';

/** A request's query, still encoded: decoding it may fail, and then has to be answered as a problem. */
export interface QueryString {
  readonly encoded: string;
}

/**
 * Decodes a query string, strictly where browsers and libraries guess.
 *
 * @param known names of the parameters that the resource has.
 * @throws Problem `malformed-request` for encoding that is not UTF-8 in percent signs,
 * `validation-failed` for a parameter that is unknown, repeated, empty or holds a NUL.
 */
export function decodeQuery(
  { encoded }: QueryString,
  known: readonly string[],
): Record<string, string> {
  const values = new Map<string, string>();
  for (const pair of encoded.split('&')) {
    if (pair === '') {
      continue;
    }
    const [rawName = '', ...rest] = pair.split('=');
    const name = decode(rawName, 'A parameter name');
    const parameter = shorten(name);
    const value = decode(rest.join('='), `The parameter ${parameter}`);
    if (!known.includes(name)) {
      throw validationFailed({ parameter, message: 'is not a parameter of this resource' });
    }
    if (values.has(name)) {
      throw validationFailed({ parameter, message: 'has to be given once' });
    }
    if (value === '') {
      throw validationFailed({ parameter, message: 'must not be empty; leave it out instead' });
    }
    if (value.includes('\0')) {
      throw validationFailed({ parameter, message: 'must not contain a NUL character' });
    }
    values.set(name, value);
  }
  return Object.fromEntries(values);
}

function decode(text: string, what: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch (cause) {
    throw new Problem('malformed-request', `${what} is not percent-encoded UTF-8.`, { cause });
  }
}

/** A name that a client made up stands in the answer, but not at any length. */
function shorten(name: string): string {
  return name.length <= 50 ? name : `${name.slice(0, 49)}…`;
}
