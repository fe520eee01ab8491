import type { ClientConfig } from 'pg';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

import { PostgresUrlError } from './postgres-url.error.js';

/** The TLS parameters of a connection URL. */
interface TlsParameters {
  readonly sslmode?: string;
  readonly ssl?: string;
  readonly sslrootcert?: string;
  readonly sslcert?: string;
  readonly sslkey?: string;
  readonly uselibpqcompat?: string;
}

/** The part of a server's certificate that is verified: nothing, its chain, or its chain and the host name. */
type Verification = 'none' | 'chain' | 'name';

/**
 * The option `ssl` of pg for the TLS parameters of a connection URL; undefined when the URL has none.
 *
 * `require` verifies chain and name. With `uselibpqcompat=true` it has libpq's meaning and verifies nothing without
 * `sslrootcert`. `sslrootcert=system` means the roots that Node.js trusts: its own list and `NODE_EXTRA_CA_CERTS`.
 *
 * @throws PostgresUrlError when parameters contradict each other or a file cannot be used.
 */
export function postgresTls(parameters: TlsParameters): ClientConfig['ssl'] {
  const { sslrootcert, sslcert, sslkey } = parameters;
  const mode = modeOf(parameters);
  if (mode === undefined) {
    return undefined;
  }
  const verification = verificationOf(mode, parameters);
  if (mode === 'disable') {
    return false;
  }
  return {
    rejectUnauthorized: verification !== 'none',
    ...(verification === 'chain' && { checkServerIdentity: () => undefined }),
    ...(sslrootcert !== undefined && sslrootcert !== 'system' && { ca: readRoots(sslrootcert) }),
    ...readIdentity(sslcert, sslkey),
  };
}

function modeOf(parameters: TlsParameters): string | undefined {
  const { sslmode, ssl, sslrootcert, sslcert, sslkey, uselibpqcompat } = parameters;
  if (sslmode !== undefined) {
    return sslmode;
  }
  // libpq also reads ssl=true as sslmode=require, for URLs of JDBC.
  if (ssl === 'true') {
    return 'require';
  }
  if (uselibpqcompat === 'true' && sslrootcert !== 'system') {
    throw new PostgresUrlError(
      'uselibpqcompat=true needs an sslmode: without one libpq may fall back to plain text',
    );
  }
  return (sslrootcert ?? sslcert ?? sslkey) === undefined ? undefined : 'verify-full';
}

function verificationOf(mode: string, parameters: TlsParameters): Verification {
  const { sslrootcert, uselibpqcompat } = parameters;
  const compatible = uselibpqcompat === 'true';
  if (sslrootcert === 'system' && mode !== 'verify-full' && (compatible || mode !== 'require')) {
    throw new PostgresUrlError('sslrootcert=system needs sslmode=verify-full');
  }
  switch (mode) {
    case 'verify-full':
      return 'name';
    case 'verify-ca':
      if (sslrootcert !== undefined) return 'chain';
      if (compatible) throw new PostgresUrlError('sslmode=verify-ca needs an sslrootcert');
      // A chain to a public authority proves nothing, because anyone can get such a certificate.
      return 'name';
    case 'require':
      if (!compatible) return 'name';
      return sslrootcert === undefined ? 'none' : 'chain';
    default:
      return 'none';
  }
}

function readRoots(path: string): string {
  const roots = readFile('sslrootcert', path);
  try {
    new X509Certificate(roots);
  } catch {
    // Node.js ignores a file without a certificate, and trusts its default roots instead.
    throw new PostgresUrlError(`sslrootcert names a file without a certificate: ${path}`);
  }
  return roots;
}

function readIdentity(
  certificatePath: string | undefined,
  keyPath: string | undefined,
): { cert: string; key: string } | undefined {
  if (certificatePath === undefined && keyPath === undefined) {
    return undefined;
  }
  if (certificatePath === undefined || keyPath === undefined) {
    throw new PostgresUrlError('sslcert and sslkey go together');
  }
  const identity = {
    cert: readFile('sslcert', certificatePath),
    key: readFile('sslkey', keyPath),
  };
  try {
    createSecureContext(identity);
  } catch (error) {
    throw new PostgresUrlError(
      `sslcert and sslkey cannot be used together: ${(error as Error).message}`,
    );
  }
  return identity;
}

function readFile(parameter: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    throw new PostgresUrlError(`${parameter} names a file that cannot be read: ${path} (${code})`);
  }
}
