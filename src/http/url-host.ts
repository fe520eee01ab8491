import { isIPv6 } from 'node:net';

/** A host as URLs write it: an IPv6 address in brackets (RFC 3986, section 3.2.2). */
export function urlHost(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}
