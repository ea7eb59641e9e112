import type { Registration } from '../http/test-kit.ts'
import { createTestKey, signWith, type TestKey } from './key.ts'
import { signIn, type ReadTerms } from './sign-in.ts'
import { spoilt, type SpoiltKind } from './terms.ts'

const anotherApi = 'https://another-api.example'

/** A token of a session, and its parts. */
interface Issued {
  readonly token: string
  readonly sessionId: string
  readonly header: { readonly alg: string }
  readonly payload: { readonly iat: number; readonly exp: number }
  readonly registration: Registration
}

/** Access tokens that are right in everything but one thing. */
export function createSpoiltTokens(now: () => number) {
  const otherKeys = new Map<string, Promise<TestKey>>()

  /** One for each algorithm, because an RSA key takes long. */
  function otherKey(alg: string): Promise<TestKey> {
    const key = otherKeys.get(alg) ?? createTestKey(alg)
    otherKeys.set(alg, key)
    return key
  }

  const spoil: Record<SpoiltKind, (issued: Issued) => Promise<string>> = {
    async expired({ payload, registration }) {
      const exp = Math.floor(now() / 1000)
      return registration.keys.current().active.sign({ ...payload, iat: exp - (payload.exp - payload.iat), exp })
    },
    otherKey: async ({ header, payload }) => (await otherKey(header.alg)).sign(header, payload),
    otherAudience: async ({ payload, registration }) =>
      registration.keys.current().active.sign({ ...payload, aud: anotherApi }),
    none: async ({ header, payload }) => signWith(() => Buffer.alloc(0))({ ...header, alg: 'none' }, payload),
    async revoked({ token, sessionId, registration }) {
      await registration.sessions.revoke(sessionId)
      return token
    }
  }

  return async function spoiltToken(
    registration: Registration,
    { kind, sub, terms }: { kind: SpoiltKind; sub: string; terms: ReadTerms }
  ): Promise<string> {
    const { accessToken: token, sessionId } = await signIn(registration, { sub, terms })
    const [header, payload] = token.split('.').slice(0, 2).map(decode)
    return await spoil[kind]({ token, sessionId, header, payload, registration } as Issued)
  }
}

/** @throws TypeError for anything that is not a kind */
export function checkKind(kind: unknown): asserts kind is SpoiltKind {
  if (typeof kind === 'string' && Object.hasOwn(spoilt, kind)) return
  throw new TypeError(`"kind" must be one of ${Object.keys(spoilt).join(', ')}: received ${String(kind)}`)
}

function decode(part: string): unknown {
  return JSON.parse(Buffer.from(part, 'base64url').toString())
}
