import type { RefusalCode } from '../errors.ts'
import type { Registration } from '../http/test-kit.ts'
import type { Algorithm } from '../tokens/algorithms.ts'
import { UnverifiedToken } from '../tokens/unverified-token.ts'
import { createTestKey, jws, type TestKey } from './key.ts'
import { signIn, type ReadTerms } from './sign-in.ts'

/**
 * What is wrong with a spoilt token, and the code that it is refused with.
 * - `expired`: it has just expired
 * - `otherKey`: another key has signed it, with the same `alg` and `kid`
 * - `otherAudience`: it was issued for another API
 * - `none`: it is not signed, and its `alg` is `none`
 * - `revoked`: its session was ended
 */
export const spoiltTokenCodes = Object.freeze({
  expired: 'AUTH_EXPIRED_TOKEN',
  otherKey: 'AUTH_INVALID_TOKEN',
  otherAudience: 'AUTH_INVALID_TOKEN',
  none: 'AUTH_INVALID_TOKEN',
  revoked: 'AUTH_REVOKED_TOKEN'
} as const satisfies Record<string, RefusalCode>)

/** The kinds of {@link spoiltTokenCodes}. */
export type SpoiltKind = keyof typeof spoiltTokenCodes

/** The token of a session, and its parts. */
interface Issued {
  readonly registration: Registration
  readonly token: string
  readonly sessionId: string
  readonly header: { readonly alg: Algorithm }
  readonly payload: { readonly iat: number; readonly exp: number }
}

const anotherApi = 'https://another-api.example'

/**
 * Creates tokens that are right in everything but one thing.
 * @param now the clock of the kit
 */
export function createSpoiltTokens(now: () => number) {
  const otherKeys = new Map<Algorithm, Promise<TestKey>>()

  /** One for each algorithm, because an RSA key takes long. */
  function otherKey(alg: Algorithm): Promise<TestKey> {
    const key = otherKeys.get(alg) ?? createTestKey(alg)
    otherKeys.set(alg, key)
    return key
  }

  const spoil: Record<SpoiltKind, (issued: Issued) => string | Promise<string>> = {
    expired({ registration, payload }) {
      const exp = Math.floor(Math.min(now(), registration.settings.clock()) / 1000)
      return sign(registration, { ...payload, iat: exp - (payload.exp - payload.iat), exp })
    },
    otherKey: async ({ header, payload }) => (await otherKey(header.alg)).sign(header, payload),
    otherAudience: ({ registration, payload }) => sign(registration, { ...payload, aud: anotherApi }),
    none: ({ header, payload }) => jws({ ...header, alg: 'none' }, { payload, signatureOf: () => Buffer.alloc(0) }),
    async revoked({ registration, token, sessionId }) {
      await registration.app.sessions.revoke(sessionId)
      return token
    }
  }

  return async function spoiltToken(
    registration: Registration,
    { kind, sub, terms }: { readonly kind: SpoiltKind; readonly sub: string; readonly terms: ReadTerms }
  ): Promise<string> {
    const { accessToken: token, sessionId } = await signIn(registration, { sub, terms })
    return await spoil[kind]({ registration, token, sessionId, ...new UnverifiedToken(token).decode() } as Issued)
  }
}

/** @throws TypeError for anything that is not a kind */
export function checkKind(kind: unknown): asserts kind is SpoiltKind {
  if (typeof kind === 'string' && Object.hasOwn(spoiltTokenCodes, kind)) return
  throw new TypeError(`"kind" must be one of ${Object.keys(spoiltTokenCodes).join(', ')}: received ${String(kind)}`)
}

async function sign({ keys }: Registration, payload: Record<string, unknown>): Promise<string> {
  await keys.loadSigner()
  return keys.current().active.sign(payload)
}
