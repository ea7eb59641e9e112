// Published test vectors. They are read from `../shared/vectors` next to the repository, and never copied.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import { AuthError, type KeyOption } from '../../plugin/index.ts'
import { createAccessTokens } from '../../plugin/tokens/access-tokens.ts'
import { createSigner } from '../../plugin/tokens/signer.ts'
import { readKey } from '../../plugin/tokens/key.ts'
import { readSecrets } from '../../plugin/tokens/secret.ts'
import { UnverifiedToken } from '../../plugin/tokens/unverified-token.ts'
import { createVerifier } from '../../plugin/tokens/verifier.ts'
import { resolveOptions } from '../../plugin/options/options.ts'
import { noTrustedIssuers } from '../../plugin/tokens/trusted-issuers.ts'
import { issuer, secret } from '../fixtures/app.ts'
import { reasonIn } from '../fixtures/local-tokens.ts'
import { encode, fixedKeys, localKeyring, signature } from '../fixtures/tokens.ts'

const root = resolve(import.meta.dirname, '../../../shared/vectors')
const skip = existsSync(root) ? false : `no vectors in ${root}`
const read = (file: string) => readFileSync(resolve(root, file), 'utf8')
const json = (file: string) => JSON.parse(read(file))

/** The algorithm that readKey() chooses, or the problem that it reports. */
function loaded(key: unknown, alg?: string): string {
  try {
    return readKey({ key: key as KeyOption['key'], alg }, 'key').alg
  } catch (error) {
    return (error as Error).message.replace('Cannot register fastify-authenticate: ', '')
  }
}

/** The problem that strict decoding reports for a token; `null` if there is none. */
function parsed(token: string): string | null {
  try {
    new UnverifiedToken(token).decode()
    return null
  } catch (error) {
    return reasonIn(error as AuthError)
  }
}

/** Whether a token is well-formed and signed by a key. */
function verifies(key: unknown, token: string, alg?: string): boolean {
  const verifier = createVerifier(readKey({ key: key as KeyOption['key'], alg }, 'key'))
  return parsed(token) === null && new UnverifiedToken(token).isSignedBy(verifier)
}

/** The outcome of a token at a server that has the key and accepts any `typ`. */
async function refused(
  key: unknown,
  token: string,
  { now = Date.UTC(2026, 0, 1), alg }: { now?: number; alg?: string } = {}
): Promise<string> {
  const keys = [{ key: key as KeyOption['key'], alg, state: 'previous' as const }]
  const settings = resolveOptions({ issuer, secret, keys, accessToken: { type: false }, clock: () => now })
  const tokens = createAccessTokens({
    ...settings,
    matchesSchema: () => true,
    trustedIssuers: noTrustedIssuers,
    keys: fixedKeys(localKeyring({ keys }))
  })
  try {
    await tokens.verify(token)
    return 'accepted'
  } catch (error) {
    return reasonIn(error as AuthError)
  }
}

const notJson = 'the payload is not JSON'
const unsupported = '"key.alg" is not a supported signature algorithm'
const unusual = (type: string) => `"key.alg" is missing: a key of type "${type}" has no default algorithm`

t.test('RFC 7515, Appendix A', { skip }, async (t) => {
  const rows: Record<string, { loads: string | null; parses: string | null; verifies: boolean; inServer: string }> = {
    'RFC 7515 A.1 (= RFC 7519 3.1) HS256': {
      loads: 'HS256',
      parses: null,
      verifies: true,
      inServer: 'iss is not the expected issuer'
    },
    'RFC 7515 A.2 RS256': { loads: 'RS256', parses: null, verifies: true, inServer: 'iss is not the expected issuer' },
    'RFC 7515 A.3 ES256': { loads: 'ES256', parses: null, verifies: true, inServer: 'iss is not the expected issuer' },
    'RFC 7515 A.4 ES512 (payload "Payload", not JSON)': {
      loads: 'ES512',
      parses: notJson,
      verifies: false,
      inServer: notJson
    },
    'RFC 7515 A.5 / RFC 7519 6.1 unsecured JWT': {
      loads: null,
      parses: null,
      verifies: false,
      inServer: 'alg is not supported'
    },
    'A.1 with last signature char changed (golang-jwt hmac_test.go "web sample: invalid")': {
      loads: 'HS256',
      parses: null,
      verifies: false,
      inServer: 'the signature is wrong'
    }
  }
  const { examples } = json('rfc7515/rfc7515_appendix_a.json')
  t.strictSame(
    examples.map(({ name }: { name: string }) => name),
    Object.keys(rows),
    'each example has its row'
  )
  for (const { name, jwk, token } of examples) {
    const { loads, parses, verifies: good, inServer } = rows[name]!
    const key = jwk ?? examples[0].jwk
    if (loads !== null) t.equal(loaded(jwk), loads, `${name}: its key`)
    t.equal(parsed(token), parses, `${name}: parsing`)
    t.equal(verifies(key, token), good, `${name}: its signature`)
    t.equal(await refused(key, token, { now: Date.UTC(2011, 0, 1) }), inServer, `${name}: to a server`)
  }
})

t.test('RFC 7520, RFC 7797 and RFC 8037: the cookbook', { skip }, async (t) => {
  const keys: Record<string, string> = {
    'jwk_3_1.ec_public_key.json': 'ES512',
    'jwk_3_2.ec_private_key.json': 'ES512',
    'jwk_3_3.rsa_public_key.json': 'RS256',
    'jwk_3_4.rsa_private_key.json': 'RS256',
    'jwk_3_5.symmetric_key_mac_computation.json': 'HS256',
    'jwk_3_6.symmetric_key_encryption.json': unsupported
  }
  // Their payloads are text, not claims: not a JWT, even with a valid signature.
  const tokens: Record<string, { alg: string; compact: string | null }> = {
    'curve25519_jws.json': { alg: 'EdDSA', compact: notJson },
    'jws_4_1.rsa_v15_signature.json': { alg: 'RS256', compact: notJson },
    'jws_4_2.rsa-pss_signature.json': { alg: 'PS384', compact: notJson },
    'jws_4_3.ecdsa_signature.json': { alg: 'ES512', compact: notJson },
    'jws_4_4.hmac-sha2_integrity_protection.json': { alg: 'HS256', compact: notJson },
    'jws_4_5.signature_with_detached_content.json': { alg: 'HS256', compact: notJson },
    'jws_4_6.protecting_specific_header_fields.json': { alg: 'HS256', compact: null },
    'jws_4_7.protecting_content_only.json': { alg: 'HS256', compact: null },
    'jws_4_8.multiple_signatures.json': { alg: '', compact: null },
    'rfc7797_4.2.hmac-sha2_b64_false.json': { alg: 'HS256', compact: null },
    'rfc7797_hmac-sha2_b64_false.json': { alg: 'HS256', compact: 'the payload is not canonical base64url' }
  }
  t.strictSame(
    readdirSync(resolve(root, 'rfc7520-cookbook')).sort(),
    [...Object.keys(keys), ...Object.keys(tokens)].sort(),
    'each file has its row'
  )
  for (const [file, expected] of Object.entries(keys)) t.equal(loaded(json(`rfc7520-cookbook/${file}`)), expected, file)
  const octets = json('rfc7520-cookbook/jwk_3_6.symmetric_key_encryption.json')
  t.equal(
    loaded({ ...octets, alg: undefined }),
    '"key.key" has a "use" that is not "sig"',
    'an encryption key does not sign under another algorithm either'
  )

  for (const [file, { alg, compact }] of Object.entries(tokens)) {
    const { input, output } = json(`rfc7520-cookbook/${file}`)
    for (const key of [input.key].flat()) t.equal(loaded(key, alg || undefined), alg || loaded(key), `${file}: its key`)
    const texts = [
      output.compact,
      ...[output.json, output.json_flat].filter((form) => form).map((form) => JSON.stringify(form))
    ].filter((form) => form)
    t.ok(texts.length > 0)
    t.equal(output.compact === undefined ? null : parsed(output.compact), compact, `${file}: its compact form`)
    for (const form of texts) {
      const said = await refused([input.key].flat()[0], form, alg ? { alg } : {})
      t.match(said, /^(the (payload|header|token|signature)|crit) /, `${file}: to a server, ${form.slice(0, 12)}…`)
      t.equal(verifies([input.key].flat()[0], form, alg || undefined), false, `${file}: is no JWT`)
    }
  }
})

t.test('joserfc: JWTs and JWS of 15 algorithms', { skip }, async (t) => {
  const pems: Record<string, string> = json('joserfc-fixtures/public_keys_pem.json')
  const unreadable = /^"key.key" cannot be read as a key/
  const keys: Record<string, string | RegExp> = {
    'ec-p256-public.pem': 'ES256',
    'ec-p384-public.pem': 'ES384',
    'ec-p512-public.pem': 'ES512',
    'ec-secp256k1-public.pem': unusual('ec'),
    'okp-ed448-public.pem': unusual('ed448'),
    'rsa-openssl-public.pem': 'RS256',
    'ssh-ecdsa-public.pem': unreadable,
    'ssh-ed25519-public.pem': unreadable,
    'ssh-rsa-public.pem': unreadable
  }
  t.strictSame(Object.keys(pems), Object.keys(keys), 'each key has its row')
  for (const [file, expected] of Object.entries(keys)) t.match(loaded(pems[file]), expected, file)
  for (const [file, pem] of Object.entries(pems)) t.throws(() => readSecrets(pem), TypeError, `${file} is no secret`)

  const jwts: { name: string; secret?: string; public_key?: string; token: string }[] = json(
    'joserfc-fixtures/jwt_use_jws.json'
  ).tests
  t.strictSame(
    jwts.map(({ name }) => name),
    ['HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512']
  )
  for (const { name, secret: weak, public_key: file, token } of jwts) {
    t.equal(parsed(token), null, `${name}: parsing`)
    if (weak !== undefined) {
      const [header, payload, mac] = token.split('.')
      t.equal(
        signature({ alg: name, key: Buffer.from(weak) }, `${header}.${payload}`),
        mac,
        `${name}: the vector is in order`
      )
      t.match(
        loaded({ kty: 'oct', k: encode(weak) }, name),
        /^"key.key" must be at least (32|48|64) bytes: received 6$/,
        `${name}: but its secret is short`
      )
    } else {
      t.equal(verifies(pems[file!], token, name), true, `${name}: its signature`)
      t.equal(
        await refused(pems[file!], token, { alg: name }),
        'iss is not the expected issuer',
        `${name}: to a server`
      )
      t.equal(
        await refused(pems[file!], token.replace(/.{9}$/, 'AAAAAAAAA'), { alg: name }),
        'the signature is wrong',
        `${name}: with other last bytes`
      )
    }
  }
  for (const file of ['jws_examples.json', 'jws_rfc7797.json']) {
    for (const { name, compact, general_json: general, flattened_json: flattened } of json(`joserfc-fixtures/${file}`)
      .tests) {
      for (const form of [compact, general && JSON.stringify(general), flattened && JSON.stringify(flattened)].filter(
        (form) => form
      )) {
        t.match(
          parsed(form),
          /^the (payload is not|token does not have three|header is not) /,
          `${file}, ${name}: a payload that is no claims`
        )
        t.notMatch(
          await refused({ kty: 'oct', k: encode(`not ${secret}`) }, form),
          'accepted',
          `${file}, ${name}: to a server`
        )
      }
    }
  }
})

t.test('PyJWT: good and odd JWKs', { skip }, async (t) => {
  const rows: Record<string, string | string[] | null> = {
    'jwk_ec_key_P-256.json': 'ES256',
    'jwk_ec_key_P-384.json': 'ES384',
    'jwk_ec_key_P-521.json': 'ES512',
    'jwk_ec_key_secp256k1.json': unusual('ec'),
    'jwk_ec_pub_P-256.json': 'ES256',
    'jwk_ec_pub_P-384.json': 'ES384',
    'jwk_ec_pub_P-521.json': 'ES512',
    'jwk_ec_pub_secp256k1.json': unusual('ec'),
    'jwk_empty.json': null,
    'jwk_hmac.json': 'HS256',
    'jwk_keyset_only_unknown_alg.json': [unsupported],
    'jwk_keyset_with_unknown_alg.json': ['RS256', unsupported],
    'jwk_okp_key_Ed25519.json': 'EdDSA',
    'jwk_okp_key_Ed448.json': '"key.key" is not a key for EdDSA',
    'jwk_okp_pub_Ed25519.json': 'EdDSA',
    'jwk_okp_pub_Ed448.json': '"key.key" is not a key for EdDSA',
    'jwk_rsa_key.json': 'RS256',
    'jwk_rsa_pub.json': 'RS256'
  }
  t.strictSame(readdirSync(resolve(root, 'pyjwt-jwks')).sort(), Object.keys(rows).sort(), 'each file has its row')
  for (const [file, expected] of Object.entries(rows)) {
    const content = read(`pyjwt-jwks/${file}`)
    if (expected === null) t.match(loaded(content), /^"key.key" cannot be read as a key/, file)
    else if (Array.isArray(expected)) {
      t.strictSame(
        JSON.parse(content).keys.map((key: unknown) => loaded(key)),
        expected,
        file
      )
    } else t.equal(loaded(JSON.parse(content)), expected, file)
  }
  for (const [file, alg] of [
    ['ec_key_secp256k1', 'ES256'],
    ['ec_pub_secp256k1', 'ES256'],
    ['ec_pub_P-384', 'ES256'],
    ['okp_key_Ed448', 'EdDSA'],
    ['rsa_pub', 'HS256'],
    ['hmac', 'RS256']
  ] as const) {
    t.equal(
      loaded({ ...json(`pyjwt-jwks/jwk_${file}.json`), alg }),
      `"key.key" is not a key for ${alg}`,
      `${file} cannot pass for ${alg}`
    )
  }
  for (const kind of ['ec_key_P-256', 'ec_key_P-384', 'ec_key_P-521', 'okp_key_Ed25519', 'rsa_key']) {
    const signer = createSigner(readKey({ key: JSON.parse(read(`pyjwt-jwks/jwk_${kind}.json`)) }, 'key'), 'JWT')
    await signer.load()
    const other = kind === 'rsa_key' ? 'rsa_pub' : kind.replace('key', 'pub')
    t.equal(
      verifies(json(`pyjwt-jwks/jwk_${other}.json`), signer.sign({ sub: 'alice' })),
      true,
      `what ${kind} signs, ${other} verifies`
    )
  }
})
