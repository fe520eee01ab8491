/** Parts of Nest that tell of each module and route at the start: of use to those only who look for a fault there. */
const CONTEXTS = new Set([
  'InstanceLoader',
  'NestApplication',
  'NestFactory',
  'RouterExplorer',
  'RoutesResolver',
]);

/** Whether a message is one of those, by what Nest has said after it: the context comes last. */
export function isOfFramework(others: readonly unknown[]): boolean {
  return CONTEXTS.has(String(others.at(-1)));
}
