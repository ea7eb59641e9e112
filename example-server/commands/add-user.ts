import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { Value } from '@sinclair/typebox/value'
import { readDatabaseConfig } from '../config/config.ts'
import type { Environment } from '../config/readers.ts'
import { openDatabase } from '../database/database.ts'
import { roles, type Role } from '../database/users.ts'
import { createPasswords } from '../passwords/passwords.ts'
import { Username } from '../routes/schemas.ts'
import { runCommand } from './command.ts'

const usage = 'Usage: npm run user:add -- NAME [--role admin]'

/**
 * Adds a user with a random password, and resolves to a line with that password. A password as an argument would be
 * visible in the shell's history and in the list of processes. The user changes it with `POST /auth/password`.
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
    const role = user.roles.length > 0 ? ` with the role ${user.roles.join(', ')}` : ''
    return `added ${user.name}${role}, password ${password}`
  } finally {
    await database.close()
  }
}

function readArguments(args: string[]): { name: string; roles: Role[] } {
  const { positionals, values } = parseArgs({
    args,
    allowPositionals: true,
    options: { role: { type: 'string', multiple: true } }
  })
  const [name, ...more] = positionals
  const given = values.role ?? []
  if (name === undefined || more.length > 0) throw new Error(usage)
  if (!Value.Check(Username, name)) {
    throw new Error(`the username must be ${Username.description}: received ${JSON.stringify(name)}`)
  }
  const unknown = given.find((role) => !(roles as readonly string[]).includes(role))
  if (unknown !== undefined) {
    throw new Error(`the role must be one of ${roles.join(', ')}: received ${JSON.stringify(unknown)}`)
  }
  return { name, roles: [...new Set(given as Role[])] }
}

await runCommand({ url: import.meta.url, purpose: 'add the user', run: async (args) => [await addUser(args)] })
