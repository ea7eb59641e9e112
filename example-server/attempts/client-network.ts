import rateLimit from '@fastify/rate-limit'

/** The smallest and the largest network around a client's address that one customer of a provider has. */
export interface Network {
  /** The IPv4 address, or the /64 network of the IPv6 address: the least that one customer has. */
  readonly address: string
  /** The IPv4 address, or the /48 network: the most that one customer has (RFC 6177), 65 536 networks of /64. */
  readonly site: string
}

export function networkOf({ ip }: { readonly ip: string }): Network {
  return { address: rateLimit.normalizeIP(ip), site: rateLimit.normalizeIP(ip, 48) }
}
