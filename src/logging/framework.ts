/** Parts of Nest that log each module and each route at startup. These lines are logged at debug. */
const CONTEXTS = new Set([
  'InstanceLoader',
  'NestApplication',
  'NestFactory',
  'RouterExplorer',
  'RoutesResolver',
]);

/** Whether Nest logs these parameters. The context is the last of them. */
export function isFromFramework(parameters: readonly unknown[]): boolean {
  return CONTEXTS.has(String(parameters.at(-1)));
}
