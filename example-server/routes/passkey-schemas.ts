import { Type } from '@sinclair/typebox'
import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON
} from '@simplewebauthn/server'

/** Of a credential id in base64url: it has up to 1023 bytes (WebAuthn §4). */
export const maxCredentialIdLength = 1364

const Base64url = (maxLength: number) => Type.String({ minLength: 1, maxLength, pattern: '^[\\w-]+$' })

export const CredentialId = Base64url(maxCredentialIdLength)

// `PublicKeyCredential.toJSON()` adds members in each version of the specification: only those that are read are named.

/** WebAuthn §5.1, `RegistrationResponseJSON`. */
export const RegistrationResponse = Type.Unsafe<RegistrationResponseJSON>(
  Type.Object(
    {
      id: CredentialId,
      rawId: CredentialId,
      type: Type.Literal('public-key'),
      response: Type.Object({ clientDataJSON: Base64url(8000), attestationObject: Base64url(16_000) }),
      clientExtensionResults: Type.Object({}, { additionalProperties: true })
    },
    { description: 'What `PublicKeyCredential.toJSON()` returns after `navigator.credentials.create()`' }
  )
)

/** WebAuthn §5.1, `AuthenticationResponseJSON`. */
export const AuthenticationResponse = Type.Unsafe<AuthenticationResponseJSON>(
  Type.Object(
    {
      id: CredentialId,
      rawId: CredentialId,
      type: Type.Literal('public-key'),
      response: Type.Object({
        clientDataJSON: Base64url(8000),
        authenticatorData: Base64url(8000),
        signature: Base64url(4000),
        userHandle: Base64url(100)
      }),
      clientExtensionResults: Type.Object({}, { additionalProperties: true })
    },
    { description: 'What `PublicKeyCredential.toJSON()` returns after `navigator.credentials.get()`' }
  )
)

/** For `PublicKeyCredential.parseCreationOptionsFromJSON()`. */
export const CreationOptions = Type.Unsafe<PublicKeyCredentialCreationOptionsJSON>(
  Type.Object(
    { challenge: Type.String() },
    { additionalProperties: true, description: 'The options of `navigator.credentials.create()`, as JSON' }
  )
)

/** For `PublicKeyCredential.parseRequestOptionsFromJSON()`. */
export const RequestOptions = Type.Unsafe<PublicKeyCredentialRequestOptionsJSON>(
  Type.Object(
    { challenge: Type.String() },
    { additionalProperties: true, description: 'The options of `navigator.credentials.get()`, as JSON' }
  )
)
