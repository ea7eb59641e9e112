import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import type { Passwords } from '../passwords/passwords.ts'
import { keepFile, replaceFile } from '../files/atomic-file.ts'
import type { Users } from '../database/users.ts'
import type { Role } from './roles.ts'

const demoUsers: readonly { name: string; roles: readonly Role[] }[] = [
  { name: 'alice', roles: [] },
  { name: 'admin', roles: ['admin'] }
]

export const demoUserNames = demoUsers.map(({ name }) => name)

/**
 * Creates the demo users (never call it in production), and resolves to their password: the configured one, or a random
 * one that is kept in `dataDir`. Existing demo users keep their password, except if another one has been configured
 * since, or if `dataDir` is new: the database is then older than the password that will be printed.
 */
export async function seedDemoUsers({
  config,
  users,
  passwords
}: {
  config: Pick<Config, 'dataDir' | 'demoPassword'>
  users: Users
  passwords: Passwords
}): Promise<string> {
  const path = join(config.dataDir, 'demo-password')
  let isNew = false
  const kept = keepFile(path, () => {
    isNew = true
    return config.demoPassword ?? randomBytes(12).toString('base64url')
  })
  const password = config.demoPassword ?? kept
  await Promise.all(
    demoUsers.map(async ({ name, roles }) => {
      const found = await users.byName(name)
      if (found !== null && password === kept && !isNew) return
      const passwordHash = await passwords.hash(password)
      if (found === null) await users.add({ name, passwordHash, roles, demo: true })
      else await users.replacePasswordHash(found.id, { from: found.passwordHash, to: passwordHash })
    })
  )
  if (password !== kept) replaceFile(path, password)
  return password
}

/** Lines to paste into a shell. */
export function describeDemo(url: string, password: string): string {
  const login = (more: object) =>
    `-H 'content-type: application/json' -d ${quote(JSON.stringify({ username: 'alice', password, ...more }))}`
  return `
Sign in as alice or admin, password ${password}

With the token in a header:
  TOKEN=$(curl -s ${url}/auth/login ${login({})} | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
  curl -s ${url}/me -H "Authorization: Bearer $TOKEN"
  curl -s ${url}/auth/logout -X POST -H "Authorization: Bearer $TOKEN"

With a cookie jar, like a browser:
  curl -s -c jar -b jar ${url}/auth/login ${login({ transport: 'cookie' })}
  curl -s -c jar -b jar ${url}/me
  curl -s -c jar -b jar ${url}/auth/refresh -X POST
  curl -s -c jar -b jar ${url}/auth/logout -X POST

The API: ${url}/docs
`
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
