import { randomBytes } from 'node:crypto'
import { createSigner } from 'fast-jwt'
import { memoryStore } from '../../dist/stores/memory.js'
import { input } from '../input.js'
import { createRevocationLog } from '../revocation-log.js'
import { captureRequest } from './captured-request.js'
import { serveCases } from './cases.js'
import { claims, scope } from './session.js'

const {
  issuer,
  audience,
  secret,
  key: { kid },
  held
} = input

function bytesInUse() {
  // Twice, because finalizers of the first collection can release more.
  global.gc()
  global.gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

async function bytesPerToken() {
  const { request, setAuthorization } = await captureRequest({ accessToken: { cacheSize: held.tokens } })
  const sign = createSigner({ key: secret, algorithm: 'HS256', header: { typ: 'at+jwt' }, kid })
  const random = () => randomBytes(16).toString('base64url')

  async function authenticateUser(number) {
    const token = sign({
      ...claims,
      iss: issuer,
      aud: audience,
      sub: `user-${number}`,
      exp: Math.floor(Date.now() / 1000) + 600,
      jti: random(),
      sid: random(),
      scope
    })
    setAuthorization(`Bearer ${token}`)
    await request.authenticate()
  }

  // Warm up first: what is allocated only once must not count.
  const first = held.tokens / 10
  for (let number = 0; number < first; number++) await authenticateUser(number)
  const before = bytesInUse()
  for (let number = first; number < held.tokens; number++) await authenticateUser(number)
  return (bytesInUse() - before) / (held.tokens - first)
}

async function bytesPerRevocation() {
  const open = async (count) => {
    const { readRevocations, loaded } = createRevocationLog(count)
    await captureRequest({ store: { ...memoryStore(), readRevocations } })
    await loaded
  }
  await open(1000)
  const before = bytesInUse()
  await open(held.revocations)
  return (bytesInUse() - before) / held.revocations
}

serveCases({}, { token: await bytesPerToken(), revocation: await bytesPerRevocation() })
