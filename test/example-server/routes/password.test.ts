import * as argon2 from '@node-rs/argon2'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { password, type Tokens, bearer, summaryOf, login, createJar } from '../../fixtures/example-client.ts'
import { createInjected } from '../../fixtures/example-server.ts'
import { createFaultyStore, type MethodFault } from '../../fixtures/fault-store.ts'

/** An application whose session store fails on demand when a session starts. */
async function createFaulty(t: Test, fault: MethodFault) {
  let faults = { isFaulty: false }
  const { app, signIn } = await createInjected(t, {
    wrapStore(sound) {
      const { store, state } = createFaultyStore(sound, { method: 'insert', fault })
      faults = state
      return store
    }
  })
  return { app, faults, signIn }
}

const newPassword = 'a new password'

interface Change {
  readonly current?: string
  readonly next?: string
}

async function changePassword(
  app: FastifyInstance,
  headers: Record<string, string>,
  { current = password, next = newPassword }: Change = {}
) {
  const payload = { current_password: current, new_password: next }
  return await app.inject({ method: 'POST', url: '/auth/password', headers, payload })
}

const statusOf = async (app: FastifyInstance, headers: Record<string, string>) =>
  (await app.inject({ url: '/me', headers })).statusCode

const refresh = async (app: FastifyInstance, token: string) =>
  await app.inject({ method: 'POST', url: '/auth/refresh', payload: { refresh_token: token } })

t.test('a password change needs the current password, starts a new session and ends all others', async (t) => {
  const { app, signIn } = await createInjected(t)
  const [here, elsewhere] = [await signIn('bob'), await signIn('bob')]
  t.strictSame(summaryOf(await changePassword(app, here.headers, { current: 'wrong' })), [403, 'PASSWORD_WRONG'])
  t.strictSame([await statusOf(app, here.headers), await statusOf(app, elsewhere.headers)], [200, 200])
  const changed = await changePassword(app, here.headers)
  t.equal(changed.statusCode, 200)
  t.equal(changed.headers['cache-control'], 'no-store')
  t.match(changed.json(), {
    access_token: /^eyJ/,
    token_type: 'Bearer',
    expires_in: 600,
    refresh_token: /^rt1\./,
    scope: 'notes:read notes:write'
  })
  t.same(changed.cookies, [])
  for (const client of [here, elsewhere]) {
    t.equal(await statusOf(app, client.headers), 401)
    t.strictSame(summaryOf(await refresh(app, client.refreshToken)), [401, 'AUTH_REFRESH_INVALID'])
  }
  const now: Tokens = changed.json()
  t.equal(await statusOf(app, bearer(now)), 200)
  t.equal((await refresh(app, now.refresh_token)).statusCode, 200)
  t.equal((await app.inject({ url: '/auth/sessions', headers: bearer(now) })).json().length, 1)
  t.equal((await login(app, { username: 'bob' })).statusCode, 401, 'the old password no longer works')
  t.equal((await login(app, { username: 'bob', given: newPassword })).statusCode, 200)
  t.equal(
    (
      await app.inject({
        method: 'POST',
        url: '/auth/password',
        payload: { current_password: password, new_password: password }
      })
    ).statusCode,
    401
  )
})

t.test('a password change by cookie sets both cookies, and copies of the old ones stop working', async (t) => {
  const { app, signIn } = await createInjected(t)
  const old = await signIn('bob', { transport: 'cookie' })
  const forged = await changePassword(app, { cookie: old.headers.cookie!, origin: 'https://evil.example' })
  t.strictSame(summaryOf(forged), [403, 'AUTH_CROSS_SITE'])
  const changed = await changePassword(app, old.headers)
  t.equal(changed.statusCode, 200)
  t.strictSame(Object.keys(changed.json()), ['session_id', 'expires_in'], 'no token in the body')
  t.strictSame(changed.cookies.map(({ name }) => name).sort(), ['__Host-access', '__Host-refresh'])
  const jar = createJar()
  jar.keep([changed.headers['set-cookie'] ?? []].flat())
  t.strictSame([await statusOf(app, jar.header()), await statusOf(app, old.headers)], [200, 401])
  t.equal((await app.inject({ method: 'POST', url: '/auth/refresh', headers: old.headers })).statusCode, 401)
  t.equal((await app.inject({ method: 'POST', url: '/auth/refresh', headers: jar.header() })).statusCode, 200)
})

t.test('a password change that fails after the new hash was stored returns 503, and can be repeated', async (t) => {
  const { app, faults, signIn } = await createFaulty(t, 'throws')
  const [here, thief] = [await signIn('bob'), await signIn('bob')]
  faults.isFaulty = true
  const failed = await changePassword(app, here.headers)
  t.strictSame(
    [...summaryOf(failed), failed.headers['retry-after'] !== undefined],
    [503, 'AUTH_STORE_UNAVAILABLE', true]
  )
  faults.isFaulty = false
  t.equal(await statusOf(app, thief.headers), 200, 'no session has ended yet')
  t.strictSame(
    summaryOf(await changePassword(app, here.headers, { next: 'another new password' })),
    [403, 'PASSWORD_WRONG'],
    'only with the same new password'
  )
  const again = await changePassword(app, here.headers)
  t.equal(again.statusCode, 200)
  t.equal(await statusOf(app, bearer(again.json())), 200)
  for (const client of [here, thief]) {
    t.equal(await statusOf(app, client.headers), 401)
    t.strictSame(summaryOf(await refresh(app, client.refreshToken)), [401, 'AUTH_REFRESH_INVALID'])
  }
  t.equal((await login(app, { username: 'bob', given: newPassword })).statusCode, 200)
})

t.test(
  'after a password change whose response was lost, old sessions have ended and the new password signs in',
  async (t) => {
    const { app, faults, signIn } = await createFaulty(t, 'succeeds, then throws')
    const [here, thief] = [await signIn('bob'), await signIn('bob')]
    faults.isFaulty = true
    t.strictSame(summaryOf(await changePassword(app, here.headers)), [503, 'AUTH_STORE_UNAVAILABLE'])
    faults.isFaulty = false
    for (const client of [here, thief]) {
      t.strictSame(summaryOf(await refresh(app, client.refreshToken)), [401, 'AUTH_REFRESH_INVALID'])
    }
    t.equal((await login(app, { username: 'bob' })).statusCode, 401)
    const back = await login(app, { username: 'bob', given: newPassword })
    t.equal(back.statusCode, 200)
    t.equal(await statusOf(app, bearer(back.json())), 200)
  }
)

t.test('of two concurrent password changes one succeeds, and the other gets PASSWORD_WRONG', async (t) => {
  const { app, signIn } = await createInjected(t)
  const [one, two] = [await signIn('bob'), await signIn('bob')]
  const chosen = ['the first new one', 'the second new one'] as const
  const changes = await Promise.all([
    changePassword(app, one.headers, { next: chosen[0] }),
    changePassword(app, two.headers, { next: chosen[1] })
  ])
  t.strictSame(changes.map(({ statusCode }) => statusCode).sort(), [200, 403])
  const [winner, loser] = changes[0]!.statusCode === 200 ? ([0, 1] as const) : ([1, 0] as const)
  t.strictSame(summaryOf(changes[loser]!), [403, 'PASSWORD_WRONG'])
  t.equal(await statusOf(app, bearer(changes[winner]!.json())), 200)
  t.equal((await login(app, { username: 'bob', given: chosen[winner] })).statusCode, 200)
  t.equal((await login(app, { username: 'bob', given: chosen[loser] })).statusCode, 401)
})

t.test('guesses by password changes are limited like those at sign-in, with either of the two passwords', async (t) => {
  for (const [current, next] of [
    [(guess: number) => `a guess ${guess}`, () => 'a new password'],
    [() => 'not the password', (guess: number) => `a guess ${guess}`],
    [(guess: number) => `one guess ${guess}`, (guess: number) => `another guess ${guess}`]
  ] as const) {
    const { app, signIn } = await createInjected(t)
    const here = await signIn('bob')
    const codes = []
    for (let guess = 0; guess < 12; guess++) {
      codes.push((await changePassword(app, here.headers, { current: current(guess), next: next(guess) })).json().code)
    }
    t.strictSame(
      codes,
      [...Array(10).fill('PASSWORD_WRONG'), ...Array(2).fill('TOO_MANY_ATTEMPTS')],
      '20 guesses, two in each request'
    )
    t.strictSame(
      summaryOf(await changePassword(app, here.headers)),
      [429, 'TOO_MANY_ATTEMPTS'],
      'even the right password'
    )
  }
})

t.test('a password change refuses a concurrent sign-in with the old password', async (t) => {
  let pause = async () => {}
  const { app, signIn } = await createInjected(t, {
    concurrency: 4,
    hashing: {
      hash: argon2.hash,
      verify: async (...args) => {
        await pause()
        return await argon2.verify(...args)
      }
    }
  })
  const here = await signIn('bob')
  let release = () => {}
  const reached = new Promise<void>((resolve) => {
    pause = async () => {
      pause = async () => {}
      resolve()
      await new Promise<void>((_resolve) => {
        release = _resolve
      })
    }
  })
  const slow = login(app, { username: 'bob' })
  await reached
  t.equal((await changePassword(app, here.headers)).statusCode, 200)
  release()
  t.strictSame(summaryOf(await slow), [401, 'AUTH_REVOKED_TOKEN'])
})
