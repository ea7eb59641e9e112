import type { FastifyInstance } from 'fastify'
import type { CookieSettings } from '../options/cookies.ts'
import { optionError } from '../options/option-error.ts'

/** The contexts in which the plugin is registered, by server. */
const contexts = new WeakMap<object, FastifyInstance[]>()

/**
 * Records that the plugin is registered in a context.
 * @throws Error if it is registered there, in a parent or in a child already, or `authenticate` is decorated
 */
export function claimContext(app: FastifyInstance): void {
  const others = contexts.get(app.server) ?? []
  if (app.hasDecorator('authenticate')) {
    if (others.some((other) => app === other || Object.prototype.isPrototypeOf.call(other, app))) {
      throw repeated('this context or a parent')
    }
    throw new Error(
      'Cannot register fastify-authenticate: the application has an "authenticate" decorator of its own. ' +
        'Remove it, or give it another name'
    )
  }
  if (others.some((other) => Object.prototype.isPrototypeOf.call(app, other))) throw repeated('a child of this context')
  contexts.set(app.server, [...others, app])
}

function repeated(where: string): Error {
  return new Error(
    `Cannot register fastify-authenticate: "authenticate" is already decorated in ${where}. ` +
      'Register it once, or in sibling contexts (app.register(async (scope) => { … }))'
  )
}

/** The cookie names in use, by server: contexts that shared a name would overwrite each other's sessions. */
const cookieNames = new WeakMap<object, Set<string>>()

/**
 * Records the cookie names of a registration; without cookies there are none.
 * @throws TypeError if another registration of the application uses one of them
 */
export function claimCookieNames(app: FastifyInstance, cookies: CookieSettings | null): void {
  if (cookies === null) return
  const taken = cookieNames.get(app.server) ?? new Set()
  for (const option of ['access', 'refresh'] as const) {
    if (taken.has(cookies[option])) {
      throw optionError(
        `cookies.${option}`,
        `must differ from the cookie names of this application's other registrations: "${cookies[option]}" is taken. ` +
          'Choose another name, or set "cookies" to false in one of them'
      )
    }
  }
  cookieNames.set(app.server, taken.add(cookies.access).add(cookies.refresh))
}
