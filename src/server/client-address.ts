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
/** More proxies than a request passes through. */
const MAX_HOPS = 32;
/** Addresses that are remembered with their trust, because it takes microseconds to find that out. */
const IN_MEMORY = 10_000;

/** A machine that a request passed through: the client or a proxy. */
interface Hop {
  readonly address: string;
  readonly isTrusted: boolean;
}

/** Finds the client of a request that may have come through proxies. */
export class ClientAddresses {
  private readonly trusted = new BlockList();
  private readonly hops = new LRUCache<string, Hop>({ max: IN_MEMORY });

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
   * The last address in `X-Forwarded-For` that is not a trusted proxy, because each proxy appends the address that
   * it was called from. An element that is no address ends the search at the proxy that passed it on.
   *
   * @param peer the address of the connection.
   * @param forwardedFor the header. Node joins several lines of it with commas.
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

/** The last elements of a list. Empty ones do not count (RFC 9110, section 5.6.1). */
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

/** One text for each address: IPv6 in its shortest form and without a zone, IPv4 in IPv6 as IPv4. */
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
