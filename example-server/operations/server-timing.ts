import { AsyncLocalStorage } from 'node:async_hooks'
import type { FastifyInstance, FastifyRequest } from 'fastify'

/** What one request has cost until now. */
interface Cost {
  readonly startedAt: number
  /** From the start until the caller was known, or refused. `null`: not yet. */
  authMs: number | null
  queries: number
}

/**
 * Measures each request: how long it took to know the caller, and how many queries the database had. The response says
 * so in `Server-Timing`: the page draws an arrow to the database only if there was a query. Not for production, where
 * an attacker could learn from it, for example whether a username exists.
 */
export function createServerTiming() {
  const current = new AsyncLocalStorage<Cost>()
  const costs = new WeakMap<FastifyRequest, Cost>()

  /** Counts each call of a method as one query of the current request. */
  function counted<Target extends object>(target: Target): Target {
    return new Proxy(target, {
      get(_, name) {
        const member: unknown = Reflect.get(target, name, target)
        if (typeof member !== 'function') return member
        return (...values: unknown[]): unknown => {
          const cost = current.getStore()
          if (cost !== undefined) cost.queries++
          return Reflect.apply(member, target, values)
        }
      }
    })
  }

  /** The same database; calls of these parts are counted. */
  function count<Database extends object>(database: Database, names: readonly (keyof Database)[]): Database {
    const parts = new Map<PropertyKey, unknown>(names.map((name) => [name, counted(database[name] as object)]))
    return new Proxy(database, { get: (target, name) => parts.get(name) ?? Reflect.get(target, name, target) })
  }

  return {
    count,

    /** Call it before the plugin is registered, so that its hook runs before that of the plugin. */
    start(app: FastifyInstance): void {
      app.addHook('onRequest', (request, _reply, done) => {
        const cost: Cost = { startedAt: performance.now(), authMs: null, queries: 0 }
        costs.set(request, cost)
        current.run(cost, done)
      })
      // The events of the socket, by which a body arrives, have another context.
      app.addHook('preValidation', (request, _reply, done) => {
        const cost = costs.get(request)
        if (cost === undefined) done()
        else current.run(cost, done)
      })
      app.addHook('onSend', (request, reply, _payload, done) => {
        const cost = costs.get(request)
        if (cost !== undefined) reply.header('server-timing', describe(cost))
        done()
      })
    },

    /** Call it after the plugin is registered. */
    authenticated(app: FastifyInstance): void {
      app.addHook('onRequest', (request, _reply, done) => {
        const cost = costs.get(request)
        if (cost !== undefined) cost.authMs = msSince(cost.startedAt)
        done()
      })
    }
  }
}

function describe({ startedAt, authMs, queries }: Cost): string {
  return `auth;dur=${(authMs ?? msSince(startedAt)).toFixed(2)}, db;desc="${queries} queries"`
}

function msSince(startedAt: number): number {
  return performance.now() - startedAt
}
