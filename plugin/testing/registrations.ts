import type { Registration } from '../http/test-kit.ts'
import type { TestedApp } from './terms.ts'

/** Which registration a call is about. */
export interface Choice {
  readonly app?: TestedApp | undefined
  readonly issuer?: string | undefined
}

/** The applications that are registered with the kit's options and not closed, in this order. */
export function createRegistrations() {
  let open: readonly Registration[] = []

  function find({ app, issuer }: Choice): readonly Registration[] {
    return open.filter(
      (registration) =>
        (app === undefined || isOf(app, registration)) &&
        (issuer === undefined || registration.settings.issuer === issuer)
    )
  }

  return {
    add(registration: Registration): void {
      open = [...open, registration]
      registration.app.addHook('onClose', async () => {
        open = open.filter((other) => other !== registration)
      })
    },

    all: (): readonly Registration[] => open,

    /** What one of several applications has ended, the others learn now. */
    async wake(): Promise<void> {
      await Promise.all(open.map(({ revocations }) => revocations.reads.wake()))
    },

    /**
     * The registration that is meant; the latest of several that are alike. An application that has registered the
     * plugin without `await` is made ready.
     * @throws Error if there is none, or if it is uncertain which is meant
     */
    async choose({ app, issuer }: Choice): Promise<Registration> {
      if (app !== undefined) assertApp(app)
      if (find({ app, issuer }).length === 0) await app?.ready()
      const found = find({ app, issuer })
      const latest = found.at(-1)
      if (latest === undefined) throw new Error(noneMessage({ app, issuer }))
      const different = found.find((other) => nameOf(other) !== nameOf(latest))
      if (different !== undefined) {
        throw new Error(
          `Several registrations use these options: ${nameOf(different)}, and ${nameOf(latest)}. ` +
            'Name one by the member "app" or "issuer"'
        )
      }
      return latest
    }
  }
}

/** @throws TypeError */
function assertApp(app: TestedApp): void {
  if (typeof app?.ready === 'function') return
  throw new TypeError('"app" must be a Fastify application or a context of one: is an "await" missing?')
}

/** Whether the registration counts in this application or context, or in a context of it. */
function isOf(app: TestedApp, registration: Registration): boolean {
  const isSame = registration.app === (app as unknown)
  const isAbove = Object.prototype.isPrototypeOf.call(registration.app, app)
  const isBelow = Object.prototype.isPrototypeOf.call(app, registration.app)
  return isSame || isAbove || isBelow
}

/** Registrations of one name accept each other's credentials. */
function nameOf({ settings: { issuer, audience, cookies } }: Registration): string {
  const names = cookies === null ? 'no cookies' : `the cookies ${cookies.access} and ${cookies.refresh}`
  return `issuer ${JSON.stringify(issuer)} with audience ${audience.join(', ')} and ${names}`
}

function noneMessage({ app, issuer }: Choice): string {
  const where = app === undefined ? 'No application that is open' : 'Not this application, or it is closed: it'
  const by = issuer === undefined ? '' : ` with "issuer" ${JSON.stringify(issuer)}`
  return (
    `${where} has registered fastify-authenticate${by} with the options of this createTestAuth(). Spread them last: ` +
    'app.register(authenticate, { ...options, ...auth.options }). If register() is not awaited, await app.ready() ' +
    'first, or pass { app }'
  )
}
