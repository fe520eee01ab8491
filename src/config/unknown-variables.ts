/** Prefixes that other programs use as well. */
const COMMON_PREFIXES = new Set(['', 'NODE_', 'LOG_', 'PUBLIC_']);
/** Shorter names are within two edits of too many others, such as PORT and PATH. */
const MIN_LENGTH = 8;
/** Variables that Kubernetes sets for each of its services, such as REDIS_PORT and REDIS_SERVICE_HOST. */
const SERVICE_LINK = /_(SERVICE_HOST|SERVICE_PORT\w*|PORT|PORT_\d+_(TCP|UDP|SCTP)\w*)$/;

/** Warns about each variable that is probably meant for the service, but that the service does not read. */
export function unknownVariables(set: readonly string[], known: readonly string[]): string[] {
  const prefixes = new Set(known.map(prefixOf).filter((prefix) => !COMMON_PREFIXES.has(prefix)));
  return set
    .filter((name) => !known.includes(name) && !SERVICE_LINK.test(name))
    .flatMap((name) => {
      const meant = closest(name, known);
      if (meant !== undefined) return `${name} is ignored. Did you mean ${meant}?`;
      return prefixes.has(prefixOf(name)) ? `${name} is ignored: there is no such variable.` : [];
    });
}

/** The first word of a name with its underscore; empty for a single word. */
function prefixOf(name: string): string {
  return name.slice(0, name.indexOf('_') + 1);
}

function closest(name: string, known: readonly string[]): string | undefined {
  const candidates = known.filter(({ length }) => length >= MIN_LENGTH);
  return (
    candidates.find((candidate) => isWithin(1, name, candidate)) ??
    candidates.find((candidate) => isWithin(2, name, candidate))
  );
}

/** Whether at most `edits` insertions, deletions and substitutions turn one text into the other. */
function isWithin(edits: number, a: string, b: string): boolean {
  if (a === b) return true;
  if (edits === 0) return false;
  let same = 0;
  while (a[same] === b[same]) same += 1;
  const [restA, restB] = [a.slice(same), b.slice(same)];
  const [nextA, nextB] = [restA.slice(1), restB.slice(1)];
  return [
    [nextA, restB],
    [restA, nextB],
    [nextA, nextB],
  ].some(([left = '', right = '']) => isWithin(edits - 1, left, right));
}
