import { decodeQuery, type QueryString } from '../http/query-string.js';
import { type ParameterFault, validationFailed } from '../problems/problem.js';

/** A query parameter: how its text becomes a value. */
export interface Parameter<Value> {
  /** Undefined when the text is not valid. */
  readonly parse: (text: string) => Value | undefined;
  /** What a valid text is: the message for the client. */
  readonly rule: string;
}

type Parameters = Readonly<Record<string, Parameter<unknown>>>;

/** The values of the parameters that a query string gives. */
export type ParameterValues<Known extends Parameters> = {
  readonly [Name in keyof Known]?: Exclude<ReturnType<Known[Name]['parse']>, undefined>;
};

/**
 * Parses a query string, and reports every parameter that is not valid.
 *
 * @throws Problem `validation-failed` or `malformed-request`.
 */
export function parseParameters<Known extends Parameters>(
  queryString: QueryString,
  known: Known,
): ParameterValues<Known> {
  const texts = decodeQuery(queryString, Object.keys(known));
  const values: Record<string, unknown> = {};
  const faults: ParameterFault[] = [];
  for (const [name, { parse, rule }] of Object.entries(known)) {
    const text = texts[name];
    if (text === undefined) continue;
    values[name] = parse(text);
    if (values[name] === undefined) faults.push({ parameter: name, message: rule });
  }
  const [first, ...others] = faults;
  if (first !== undefined) {
    throw validationFailed(first, ...others);
  }
  return values as ParameterValues<Known>;
}

/** A decimal integer without sign or leading zeros. */
export function integer(min: number, max: number): Parameter<number> {
  return {
    parse: (text) => {
      const value = /^(0|[1-9]\d*)$/.test(text) ? Number(text) : NaN;
      return value >= min && value <= max ? value : undefined;
    },
    rule: `must be an integer from ${min} to ${max}`,
  };
}

export function oneOf<Value extends string>(values: readonly Value[]): Parameter<Value> {
  return {
    parse: (text) => values.find((value) => value === text),
    rule: `must be one of ${values.join(', ')}`,
  };
}

/** @param maxLength in characters (code points). */
export function textUpTo(maxLength: number): Parameter<string> {
  return {
    parse: (value) => (hasAtMost(value, maxLength) ? value : undefined),
    rule: `must have 1 to ${maxLength} characters`,
  };
}

/** Counts characters only when the number of UTF-16 units does not decide. */
function hasAtMost(text: string, characters: number): boolean {
  return (
    text.length <= characters ||
    (text.length <= 2 * characters && Array.from(text).length <= characters)
  );
}
