import { LRUCache } from 'lru-cache';
import { BlockList, isIP, SocketAddress } from 'node:net';

declare module 'fastify' {
  interface FastifyRequest {
    /** The client's address; undefined when the client disconnected before its request was read. */
    client: string | undefined;
  }
}

/** Longer than any address with its brackets, zone and port. */
const MAX_ELEMENT = 100;
/** Addresses of `X-Forwarded-For` that are read, from the end. */
const MAX_HOPS = 32;
/** Addresses that are cached with their trust, because a look-up takes microseconds. */
const CACHE_SIZE = 10_000;

/** A host that the request passed: the client or a proxy. */
interface Hop {
  readonly address: string;
  readonly isTrusted: boolean;
}

/** Finds the address of the client behind the trusted proxies. */
export class ClientAddresses {
  private readonly trusted = new BlockList();
  private readonly hops = new LRUCache<string, Hop>({ max: CACHE_SIZE });

  /** @param proxies addresses and CIDRs of the proxies whose `X-Forwarded-For` is trusted. */
  constructor(proxies: readonly string[] = []) {
    for (const proxy of proxies) {
      const [address = '', prefix] = proxy.split('/');
      const [family, bits] =
        isIP(address) === 4 ? (['ipv4', 32] as const) : (['ipv6', 128] as const);
      this.trusted.addSubnet(address, Number(prefix ?? bits), family);
    }
  }

  /**
   * The last address in `X-Forwarded-For` that is not a trusted proxy: each proxy appends the address that it received
   * the request from. An element that is not an address ends the search at the proxy that appended it.
   *
   * @param peer the address of the connection.
   * @param forwardedFor the header. Node joins repeated headers with commas.
   */
  of(peer = '', forwardedFor: string | readonly string[] = ''): string | undefined {
    let hop = this.read(peer);
    const elements = hop?.isTrusted === true ? lastElements(String(forwardedFor)) : [];
    while (hop?.isTrusted === true) {
      const previous = this.read(elements.pop() ?? '');
      if (previous === undefined) break;
      hop = previous;
    }
    return hop?.address;
  }

  /** Reads an address, with or without brackets and a port. */
  private read(element: string): Hop | undefined {
    if (element.length > MAX_ELEMENT) {
      return undefined;
    }
    const text = withoutPort(element);
    const known = this.hops.get(text);
    if (known !== undefined) {
      return known;
    }
    const address = canonical(text);
    if (address === undefined) {
      return undefined;
    }
    const isTrusted = this.trusted.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6');
    const hop = { address, isTrusted };
    this.hops.set(text, hop);
    return hop;
  }
}

/** The last elements of a list. Empty elements are ignored (RFC 9110, section 5.6.1). */
function lastElements(list: string): string[] {
  return list
    .split(',')
    .map((element) => element.trim())
    .filter((element) => element !== '')
    .slice(-MAX_HOPS);
}

function withoutPort(element: string): string {
  // The end of an IPv6 address without brackets looks like a port.
  if (isIP(element) !== 0) {
    return element;
  }
  const [, bracketed] = /^\[(.*)\](?::\d{1,5})?$/.exec(element) ?? [];
  return bracketed ?? element.replace(/:\d{1,5}$/, '');
}

/** One form for each address: the shortest IPv6 form without a zone, and IPv4 for an IPv4-mapped address. */
function canonical(text: string): string | undefined {
  switch (isIP(text)) {
    case 4:
      return text;
    case 6: {
      const address = text.replace(/%.*$/, '');
      return new SocketAddress({ address, family: 'ipv6' }).address.replace(/^::ffff:(?=.*\.)/, '');
    }
    default:
      return undefined;
  }
}
