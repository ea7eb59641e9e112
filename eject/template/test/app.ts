import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { createTestAuth } from 'fastify-authenticate/testing'
import { createApp } from '../../../example-server/app.ts'
import { readConfig } from '../../../example-server/config/config.ts'
import { openDatabase } from '../../../example-server/database/database.ts'
import { createPasswords } from '../../../example-server/passwords/passwords.ts'
import { scopeOf, type Role } from '../../../example-server/accounts/roles.ts'

/** The password of each user. */
export const password = 'correct horse battery staple'

/** Hashing with the server's own parameters would take most of the time. */
const weakParameters = { memoryCost: 8, timeCost: 1, parallelism: 1 }

/** The application with a database of its own, for `app.inject()`. It closes with the test. */
export async function createTestApp(t: TestContext) {
  const dataDir = mkdtempSync(join(tmpdir(), 'my-app-'))
  const config = readConfig({ NODE_ENV: 'test', LOG_LEVEL: 'silent', DATA_DIR: dataDir })
  const database = await openDatabase(config)
  const passwords = await createPasswords({ parameters: weakParameters })
  // The kit makes tokens of the application that receives its options.
  const auth = createTestAuth({ clock: Date.now, store: () => database.sessions })
  const app = await createApp({ config, database: { ...database, sessions: auth.options.store! }, passwords })
  t.after(async () => {
    await app.close()
    rmSync(dataDir, { recursive: true })
  })

  /** Adds a user to the database. */
  async function addUser(name: string, roles: readonly Role[] = []) {
    const user = await database.users.add({ name, passwordHash: await passwords.hash(password), roles })
    if (user === null) throw new Error(`there are two users ${name}`)
    return user
  }

  /** Adds a user who has signed in. @returns the headers of that client */
  async function signedIn(name: string, roles: readonly Role[] = []) {
    const user = await addUser(name, roles)
    return await auth.as(user.id, { scope: scopeOf(roles), claims: { name, roles: user.roles } })
  }

  return { app, auth, addUser, signedIn }
}
