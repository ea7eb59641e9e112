import { BlockList, isIP } from 'node:net'

export type Environment = Readonly<Record<string, string | undefined>>

/** How the text of a variable becomes a value. */
export interface Reader<T> {
  /** What the text must be, as it appears in an error message: `PORT must ${must}`. */
  readonly must: string
  /** Returns `undefined` if the text is wrong. */
  readonly read: (text: string) => T | undefined
}

export const text: Reader<string> = { must: 'be text', read: (given) => given }

export const flag: Reader<boolean> = {
  must: 'be true or false',
  read: (given) => (given === 'true' ? true : given === 'false' ? false : undefined)
}

export function whole(minimum: number, maximum: number): Reader<number> {
  return {
    must: `be a whole number between ${minimum} and ${maximum}`,
    read: (given) =>
      /^\d{1,9}$/.test(given) && Number(given) >= minimum && Number(given) <= maximum ? Number(given) : undefined
  }
}

export function oneOf<const T extends string>(values: readonly T[]): Reader<T> {
  return { must: `be one of ${values.join(', ')}`, read: (given) => values.find((value) => value === given) }
}

export const host: Reader<string> = {
  must: 'be a host name or an IP address',
  read: (given) => (isIP(given) || /^[a-z\d]([a-z\d.-]*[a-z\d])?$/i.test(given) ? given : undefined)
}

export const issuer: Reader<string> = {
  must: 'be an http(s) URL without query or fragment, such as https://api.example.com',
  read: (given) => (/^https?:\/\/[^\s"\\?#]+$/.test(given) && URL.canParse(given) ? given : undefined)
}

export const postgresUrl: Reader<string> = {
  must: 'be a URL such as postgres://user:password@host:5432/database, with its parts percent-encoded',
  read: (given) => {
    if (!/^postgres(ql)?:\/\//.test(given) || !URL.canParse(given)) return undefined
    const { hostname, pathname, searchParams } = new URL(given)
    return (hostname !== '' || searchParams.has('host')) && pathname.length > 1 ? given : undefined
  }
}

export const redisUrl: Reader<string> = {
  must:
    'be a URL such as rediss://user:password@host:6379/0, with its parts percent-encoded, ' +
    'or unix:///path/of/a/socket',
  read: (given) => {
    if (!/^(rediss?|unix):\/\//.test(given) || !URL.canParse(given)) return undefined
    const { protocol, hostname, pathname } = new URL(given)
    const fits =
      protocol === 'unix:' ? hostname === '' && pathname.length > 1 : hostname !== '' && /^(\/\d*)?$/.test(pathname)
    return fits ? given : undefined
  }
}

export const origins: Reader<string[]> = {
  must: 'be a comma-separated list of exact origins, such as https://app.example.com or capacitor://localhost',
  read: (given) => all(given, isOrigin)
}

/** The plugin's `trustedOrigins` refuses the schemes that do not have origins. */
function isOrigin(given: string): boolean {
  if (!URL.canParse(given) || given.includes('*')) return false
  const { protocol, host } = new URL(given)
  return host !== '' && given === `${protocol}//${host}`
}

/** Fastify's `trustProxy`, but never a number of hops: a client that bypasses the proxy could forge them. */
export const proxies: Reader<boolean | string[]> = {
  must: 'be true, false, or a comma-separated list of addresses and networks, such as 10.0.0.0/8',
  read: (given) => flag.read(given) ?? all(given, isNetwork)
}

function all(given: string, fits: (entry: string) => boolean): string[] | undefined {
  const entries = given.split(',').map((entry) => entry.trim())
  return entries.every(fits) ? entries : undefined
}

/** The widest private networks are 10.0.0.0/8 (RFC 1918) and fc00::/7 (RFC 4193). */
const shortestPrefix = { ipv4: 8, ipv6: 7 }
const mapped = { address: '::ffff:0:0', prefix: 96 }

/** Whether the proxies include arbitrary clients, which could then forge their address and claim to use https. */
export function trustsClients(trustProxy: boolean | readonly string[]): boolean {
  return typeof trustProxy === 'boolean' ? trustProxy : trustProxy.some(isTooWide)
}

function isTooWide(entry: string): boolean {
  const [address = '', text] = entry.split('/')
  if (text === undefined) return false
  const prefix = Number(text)
  if (isIP(address) === 4) return prefix < shortestPrefix.ipv4
  // Fastify also compares IPv4 clients with IPv6 networks, as mapped addresses.
  const hasIpv4 = contains({ address, prefix }, mapped.address) || contains(mapped, address)
  return prefix < (hasIpv4 ? mapped.prefix + shortestPrefix.ipv4 : shortestPrefix.ipv6)
}

function contains(network: { address: string; prefix: number }, address: string): boolean {
  const list = new BlockList()
  list.addSubnet(network.address, network.prefix, 'ipv6')
  return list.check(address, 'ipv6')
}

function isNetwork(entry: string): boolean {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(entry)) return true
  const [address = '', prefix] = entry.split('/')
  const version = isIP(address)
  if (version === 0) return false
  try {
    if (prefix !== undefined) {
      new BlockList().addSubnet(address, /^\d+$/.test(prefix) ? Number(prefix) : NaN, version === 6 ? 'ipv6' : 'ipv4')
    }
    return true
  } catch {
    return false
  }
}
