import { TestbedError } from './testbed.js';

const MAX_DIFFERENCE = 0.05;

/**
 * Checks that all servers respond with a page of about the same size, so that their throughput can be compared.
 *
 * @returns the size of the first server's page in bytes.
 * @throws TestbedError when a size differs by more than 5 %.
 */
export async function checkParity(
  { path, headers = {} }: { path: string; headers?: Readonly<Record<string, string>> },
  servers: readonly { readonly url: string }[],
): Promise<number> {
  const sizes = await Promise.all(
    servers.map(async ({ url }) => {
      const response = await fetch(url + path, { headers });
      const { byteLength } = await response.arrayBuffer();
      return response.ok ? byteLength : 0;
    }),
  );
  const [first = 0] = sizes;
  if (!sizes.every((size) => Math.abs(size / first - 1) <= MAX_DIFFERENCE)) {
    throw new TestbedError(`${path}: the pages have different sizes: ${sizes.join(', ')} bytes.`);
  }
  return first;
}
