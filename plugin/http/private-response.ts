import type { FastifyReply } from 'fastify'

interface Headers extends Pick<FastifyReply, 'getHeader'> {
  header(name: string, value: string): unknown
}

/**
 * Keeps a response that is about one user out of shared caches (RFC 9111 §5.2.2.7), which do not know who asks next.
 * `@fastify/caching` and `@fastify/static` call responses public without looking at the caller. A response without a
 * user counts too if it sets or clears a cookie: a cache would repeat that in every browser (RFC 9111 §7.3). So does a
 * refusal that a hook has called public.
 */
export function keepPrivate(reply: Headers): void {
  const given = reply.getHeader('cache-control')
  if (given === undefined) reply.header('cache-control', 'private')
  else {
    const directives = directivesOf(String(given))
    if (directives.some(isShared) || !directives.some(isUnshared)) {
      reply.header('cache-control', privateForm(directives))
    }
  }
}

/** RFC 9111 §5.2: a comma separates directives, except within the quoted value of one. */
const directive = /(?:[^",]|"(?:[^"\\]|\\.)*"?)+/g
const unshared = /^(?:private|no-store)$/i
const shared = /^(?:public|s-maxage(?:\s*=.*)?)$/i

function directivesOf(cacheControl: string): string[] {
  return (cacheControl.match(directive) ?? []).map((text) => text.trim()).filter((text) => text !== '')
}

function isUnshared(text: string): boolean {
  return unshared.test(text)
}

function isShared(text: string): boolean {
  return shared.test(text)
}

/** The same directives, except for those that let shared caches keep the response. */
function privateForm(directives: readonly string[]): string {
  const kept = directives.filter((text) => !isShared(text))
  return (kept.some(isUnshared) ? kept : ['private', ...kept]).join(', ')
}
