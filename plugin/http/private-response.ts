import type { FastifyReply } from 'fastify'

/**
 * Keeps the response to an authenticated caller out of shared caches (RFC 9111 §5.2.2.7), which do not know who asks
 * next. `@fastify/caching` and `@fastify/static` call responses public without looking at the caller.
 */
export function keepPrivate(reply: Pick<FastifyReply, 'getHeader' | 'header'>): void {
  const given = reply.getHeader('cache-control')
  if (given === undefined) reply.header('cache-control', 'private')
  else if (!unshared.test(String(given))) reply.header('cache-control', privateForm(String(given)))
}

const unshared = /(?:^|,)\s*(?:private|no-store)\s*(?:,|$)/i
const sharing = /^(?:public|s-maxage(?:\s*=.*)?)$/i

/** The same directives, except for those that let shared caches keep the response. */
function privateForm(cacheControl: string): string {
  const directives = cacheControl.split(',').map((directive) => directive.trim())
  return ['private', ...directives.filter((directive) => directive !== '' && !sharing.test(directive))].join(', ')
}
