import rateLimit from '@fastify/rate-limit'

/** Where a client calls from, by what one customer has. */
export interface Network {
  /** An IPv4 address, or the /64 network of an IPv6 one: one line at least. */
  readonly address: string
  /** The same IPv4 address, or the /48 network: what one customer has at most (RFC 6177), 65 536 of the above. */
  readonly site: string
}

export function networkOf({ ip }: { readonly ip: string }): Network {
  return { address: rateLimit.normalizeIP(ip), site: rateLimit.normalizeIP(ip, 48) }
}
