import { randomBytes } from 'node:crypto'
import { createSigner } from 'fast-jwt'
import { memoryStore } from '../../dist/stores/memory.js'
import { given } from '../given.js'
import { revokedLog } from '../revoked-log.js'
import { answer } from './answer.js'
import { capture } from './captured.js'
import { claims, scope } from './session.js'

const {
  issuer,
  audience,
  secret,
  key: { kid },
  held
} = given

function bytesInUse() {
  // Twice, for what a first collection finds to be done can hold more.
  global.gc()
  global.gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

async function bytesPerToken() {
  const { request, present } = await capture({ accessToken: { cacheSize: held.tokens } })
  const sign = createSigner({ key: secret, algorithm: 'HS256', header: { typ: 'at+jwt' }, kid })
  const random = () => randomBytes(16).toString('base64url')

  async function authenticateSomebody(number) {
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
    present(`Bearer ${token}`)
    await request.authenticate()
  }

  // What is made once, and by the compiler, is there before it is looked.
  const first = held.tokens / 10
  for (let number = 0; number < first; number++) await authenticateSomebody(number)
  const before = bytesInUse()
  for (let number = first; number < held.tokens; number++) await authenticateSomebody(number)
  return (bytesInUse() - before) / (held.tokens - first)
}

async function bytesPerRevocation() {
  const open = async (count) => {
    const { readRevocations, loaded } = revokedLog(count)
    await capture({ store: { ...memoryStore(), readRevocations } })
    await loaded
  }
  await open(1000)
  const before = bytesInUse()
  await open(held.revocations)
  return (bytesInUse() - before) / held.revocations
}

answer({}, { token: await bytesPerToken(), revocation: await bytesPerRevocation() })
