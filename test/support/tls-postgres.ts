import { execFileSync } from 'node:child_process';
import { appendFileSync, chownSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { PostgresServer } from '../../dev/postgres-server.js';
import { copyOfTemplate } from './postgres-server.js';

/** A certificate and its key, as paths of PEM files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A PostgreSQL server with TLS, and the certificates for it. */
export interface TlsPostgres {
  readonly server: PostgresServer;
  /** The authority of the server's certificate, which is for the name localhost only. */
  readonly authority: Certificate;
  readonly otherAuthority: Certificate;
  /** A client certificate of the authority. */
  readonly client: Certificate;
}

/** Starts a PostgreSQL server with TLS, which also accepts connections without TLS. */
export async function startTlsPostgres(): Promise<TlsPostgres> {
  const options = copyOfTemplate();
  const { directory } = options;
  const authority = makeAuthority(directory, 'authority');
  const certificate = sign(directory, 'localhost', authority, 'DNS:localhost');
  const { uid, gid } = statSync(join(directory, 'data'));
  // PostgreSQL accepts only a key that belongs to its own account.
  chownSync(certificate.key, uid, gid);
  appendFileSync(
    join(directory, 'data/postgresql.conf'),
    `ssl = on
ssl_cert_file = '${certificate.cert}'
ssl_key_file = '${certificate.key}'
ssl_ca_file = '${authority.cert}'
`,
  );
  return {
    server: await PostgresServer.start(options),
    authority,
    otherAuthority: makeAuthority(directory, 'other'),
    client: sign(directory, 'client', authority, 'DNS:client'),
  };
}

function makeAuthority(directory: string, name: string): Certificate {
  const { cert, key } = paths(directory, name);
  openssl('req', '-x509', '-subj', `/CN=${name}`, '-days', '2', ...newKey(key), '-out', cert);
  return { cert, key };
}

function sign(directory: string, name: string, authority: Certificate, san: string): Certificate {
  const { cert, key } = paths(directory, name);
  const [request, extensions] = [`${cert}.request`, `${cert}.extensions`];
  writeFileSync(extensions, `subjectAltName = ${san}`);
  openssl('req', '-subj', `/CN=${name}`, ...newKey(key), '-out', request);
  const issuer = ['-CA', authority.cert, '-CAkey', authority.key, '-CAcreateserial'];
  openssl(
    'x509',
    '-req',
    '-in',
    request,
    ...issuer,
    '-days',
    '2',
    '-extfile',
    extensions,
    '-out',
    cert,
  );
  return { cert, key };
}

function paths(directory: string, name: string): Certificate {
  return { cert: join(directory, `${name}.crt`), key: join(directory, `${name}.key`) };
}

function newKey(path: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', path];
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' });
}
