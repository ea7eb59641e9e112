import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { Value } from '@sinclair/typebox/value'
import { readDatabaseConfig } from './config.ts'
import { openDatabase } from './database.ts'
import { createPasswords } from './passwords.ts'
import { Username } from './schemas.ts'
import { roles, type Role } from './users.ts'
import type { Environment } from './variables.ts'

const usage = 'Usage: npm run user:add -- NAME [--role admin]'

/**
 * Adds a user with a random password, and resolves to a line that tells it: so it stands neither in the shell's history
 * nor in the list of processes. Its owner changes it by `POST /auth/password`.
 */
export async function addUser(args: string[], env?: Environment): Promise<string> {
  const user = readArguments(args)
  const database = await openDatabase(readDatabaseConfig(env))
  try {
    const password = randomBytes(15).toString('base64url')
    const { hash } = await createPasswords()
    if ((await database.users.add({ ...user, passwordHash: await hash(password) })) === null) {
      throw new Error(`the username ${user.name} is taken`)
    }
    return `added ${user.name}${user.roles.length > 0 ? ` with the role ${user.roles.join(', ')}` : ''}, password ${password}`
  } finally {
    await database.close()
  }
}

function readArguments(args: string[]): { name: string; roles: Role[] } {
  const {
    positionals: [name, ...more],
    values: { role: given = [] }
  } = parseArgs({
    args,
    allowPositionals: true,
    options: { role: { type: 'string', multiple: true } }
  })
  if (name === undefined || more.length > 0) throw new Error(usage)
  if (!Value.Check(Username, name)) throw new Error(`${JSON.stringify(name)} is no username: ${Username.description}`)
  const unknown = given.find((role) => !(roles as readonly string[]).includes(role))
  if (unknown !== undefined) throw new Error(`${JSON.stringify(unknown)} is no role: ${roles.join(', ')} is`)
  return { name, roles: [...new Set(given as Role[])] }
}
