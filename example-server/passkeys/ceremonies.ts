import { randomBytes } from 'node:crypto'
import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON
} from '@simplewebauthn/server'
import type { AttestationObject } from '@simplewebauthn/server/helpers'
import type { NewPasskey, Passkey, Passkeys } from '../database/passkeys.ts'
import type { User } from '../database/users.ts'
import type { LinkTokens, Purpose } from '../keys/link-tokens.ts'
import type { RelyingParty } from './relying-party.ts'

/** How long a user can take to unlock the device. */
const ceremonySeconds = 180

/** EdDSA, ES256 and RS256: every version of Node verifies them. */
const supportedAlgorithmIDs = [-8, -7, -257]

/** Loaded with the first passkey: it would make every start 200 ms longer. */
const load = async () => ({
  ...(await import('@simplewebauthn/server')),
  ...(await import('@simplewebauthn/server/helpers'))
})

export interface CeremoniesParts {
  readonly table: Pick<Passkeys, 'list' | 'find' | 'use' | 'spendChallenge'>
  readonly linkTokens: LinkTokens
  readonly relyingParty: () => RelyingParty | null
}

/** Whose passkey it will be: nobody else, and no other session of the user, can use the challenge. */
export interface Registrant {
  readonly user: Pick<User, 'id' | 'name'>
  readonly sessionId: string
}

export type Ceremonies = ReturnType<typeof createCeremonies>

/**
 * The two ceremonies of WebAuthn, by `@simplewebauthn/server`. A challenge is a signed token that expires, so that
 * nothing is stored for those who only ask for one. It works once: what a valid response has used is stored.
 */
export function createCeremonies({ table, linkTokens, relyingParty }: CeremoniesParts) {
  const bindingOf = ({ user, sessionId }: Registrant) => JSON.stringify([user.id, sessionId])

  function newChallenge(purpose: Purpose, binding: string): string {
    return linkTokens.sign({ purpose, subject: randomBytes(16).toString('base64url'), binding }, ceremonySeconds)
  }

  /** The options `expected…` of both verifications. `challenge` is the token as soon as it was found to be valid. */
  function expect(challenge: { purpose: Purpose; binding: string }, { id, origins }: RelyingParty) {
    const valid = { challenge: '' }
    const expectedChallenge = (encoded: string) => {
      const token = Buffer.from(encoded, 'base64url').toString('latin1')
      if (!linkTokens.matches(token, challenge)) return false
      valid.challenge = token
      return true
    }
    return { valid, expected: { expectedChallenge, expectedOrigin: [...origins], expectedRPID: id } }
  }

  const spend = async (challenge: string) => await table.spendChallenge(challenge, linkTokens.expiryOf(challenge))

  return {
    /** The domain that passkeys belong to; `null` for an IP address. */
    domain: (): string | null => relyingParty()?.id ?? null,

    async registrationOptions(registrant: Registrant): Promise<PublicKeyCredentialCreationOptionsJSON | null> {
      const party = relyingParty()
      if (party === null) return null
      const { user } = registrant
      const { generateRegistrationOptions } = await load()
      return await generateRegistrationOptions({
        rpName: party.id,
        rpID: party.id,
        userName: user.name,
        userDisplayName: user.name,
        // Random, and nothing about the person: authenticators show it without user verification.
        userID: new Uint8Array(Buffer.from(user.id)),
        challenge: newChallenge('passkey-registration', bindingOf(registrant)),
        timeout: ceremonySeconds * 1000,
        excludeCredentials: (await table.list(user.id)).map(({ id }) => ({ id })),
        authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
        supportedAlgorithmIDs
      })
    },

    /** Resolves to `null` if the response does not belong to a challenge of this session, or is used again. */
    async verifyRegistration(
      response: RegistrationResponseJSON,
      registrant: Registrant
    ): Promise<Omit<NewPasskey, 'name'> | null> {
      const party = relyingParty()
      if (party === null) return null
      const { verifyRegistrationResponse, decodeAttestationObject } = await load()
      const { valid, expected } = expect({ purpose: 'passkey-registration', binding: bindingOf(registrant) }, party)
      const registered = await orNull(async () => {
        if (!isSelfAttested(decodeAttestationObject(bytes(response.response.attestationObject)))) return null
        const { registrationInfo } = await verifyRegistrationResponse({ response, ...expected, supportedAlgorithmIDs })
        return registrationInfo ?? null
      })
      if (registered === null || !(await spend(valid.challenge))) return null
      const { id, publicKey, counter } = registered.credential
      return { id, userId: registrant.user.id, publicKey: Buffer.from(publicKey).toString('base64url'), counter }
    },

    async signInOptions(): Promise<PublicKeyCredentialRequestOptionsJSON | null> {
      const party = relyingParty()
      if (party === null) return null
      const { generateAuthenticationOptions } = await load()
      return await generateAuthenticationOptions({
        rpID: party.id,
        challenge: newChallenge('passkey-sign-in', ''),
        timeout: ceremonySeconds * 1000,
        userVerification: 'required'
      })
    },

    /** Resolves to the passkey that has signed, or to `null` if it is unknown or something does not match. */
    async verifySignIn(response: AuthenticationResponseJSON): Promise<Passkey | null> {
      const party = relyingParty()
      const passkey = await table.find(response.id)
      if (party === null || passkey === null) return null
      const { verifyAuthenticationResponse } = await load()
      const { valid, expected } = expect({ purpose: 'passkey-sign-in', binding: '' }, party)
      const counter = await orNull(async () => {
        const { verified, authenticationInfo } = await verifyAuthenticationResponse({
          response,
          ...expected,
          credential: {
            id: passkey.id,
            publicKey: bytes(passkey.publicKey),
            counter: passkey.counter
          }
        })
        return verified ? authenticationInfo.newCounter : null
      })
      // WebAuthn §7.2 step 6: the authenticator names the user whose passkey it is.
      const isUsers = Buffer.from(response.response.userHandle ?? '', 'base64url').toString() === passkey.userId
      if (counter === null || !isUsers || !(await spend(valid.challenge))) return null
      return (await table.use(passkey.id, { from: passkey.counter, to: counter })) ? passkey : null
    }
  }
}

/**
 * The options ask for no attestation. With one, the library would check certificates, and fetch the URLs in them: a
 * client could make this server call any other.
 */
function isSelfAttested(attestation: AttestationObject): boolean {
  const format = attestation.get('fmt')
  return format === 'none' || (format === 'packed' && attestation.get('attStmt').get('x5c') === undefined)
}

const bytes = (base64url: string) => new Uint8Array(Buffer.from(base64url, 'base64url'))

/** The library throws for everything that does not match, and for malformed bytes. */
async function orNull<T>(verify: () => Promise<T | null>): Promise<T | null> {
  try {
    return await verify()
  } catch {
    return null
  }
}
