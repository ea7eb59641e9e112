import { parseArgs } from 'node:util'
import { Value } from '@sinclair/typebox/value'
import { createAccounts, randomPassword } from '../accounts/accounts.ts'
import { readSessionsConfig } from '../config/config.ts'
import type { Environment } from '../config/readers.ts'
import { openDatabase } from '../database/database.ts'
import type { User } from '../database/users.ts'
import { createPasswords } from '../passwords/passwords.ts'
import { roles, scopeOf, type Role } from '../accounts/roles.ts'
import { Email, Username } from '../routes/schemas.ts'
import { runCommand } from './command.ts'
import { openSessions } from './sessions.ts'

export const help = [
  'Usage: npm run users -- COMMAND',
  '',
  '  list                       lists the users',
  '  add NAME [--role admin]    adds a user, and prints a random password',
  '  show NAME                  shows a user and the open sessions',
  '  disable NAME               refuses sign-ins, and ends all sessions',
  '  enable NAME                allows sign-ins again',
  '  role NAME admin|none       sets the role; without it, ends all sessions',
  '  email NAME ADDRESS|none    sets the address, as verified, or removes it, and ends all sessions',
  '  reset-password NAME        prints a new random password, and ends all sessions',
  '  delete NAME                deletes the user and the notes, and ends all sessions',
  '',
  'It needs the variables of the server: the database, REDIS_URL and AUTH_ISSUER. Running servers refuse the',
  'sessions that it ends within a second.'
]

interface Arguments {
  readonly command: string
  readonly name: string
  readonly role: string | undefined
  /** Of `email`: an address, or `none`. */
  readonly email: string | undefined
}

/** Administers the users, and resolves to the lines to print. No password is an argument: shells keep a history. */
export async function users(args: string[], env?: Environment): Promise<string[]> {
  const given = readArguments(args)
  if (given === null) return help
  const config = readSessionsConfig(env)
  const database = await openDatabase(config)
  try {
    const app = await openSessions({ issuer: config.issuer, store: database.sessions })
    try {
      return await run(given, { database, app })
    } finally {
      await app.close()
    }
  } finally {
    await database.close()
  }
}

interface Opened {
  readonly database: Pick<Awaited<ReturnType<typeof openDatabase>>, 'users'>
  readonly app: Awaited<ReturnType<typeof openSessions>>
}

async function run({ command, name, role, email }: Arguments, { database: { users }, app }: Opened): Promise<string[]> {
  if (command === 'list') return describeAll(await users.list({ limit: maxListed + 1 }))
  const passwords = await createPasswords()
  if (command === 'add') {
    const password = randomPassword()
    const wanted = {
      name,
      passwordHash: await passwords.hash(password),
      roles: role === undefined ? [] : [role as Role]
    }
    const added = await users.add(wanted)
    if (added === null) throw new Error(`the username ${name} is taken`)
    return [`added ${describe(added)}, password ${password}`]
  }

  const user = await users.find(name)
  if (user === null) throw new Error(`there is no user ${name}`)
  const accounts = createAccounts({ users, passwords, sessions: app.sessions })
  const done = (what: string, ended: number) => [`${what} ${user.name}, and ended ${count(ended)}`]
  switch (command) {
    case 'show':
      return await show(user, app)
    case 'disable':
      return done('disabled', await accounts.disable(user))
    case 'enable':
      await users.setDisabled(user.id, false)
      return [`enabled ${user.name}`]
    case 'role':
      return done(
        role === 'none' ? 'removed the role of' : `gave the role ${role} to`,
        await accounts.setRoles(user, role === 'none' ? [] : [role as Role])
      )
    case 'email': {
      const ended = await accounts.setEmail(user, email === 'none' ? null : email!)
      if (ended === null) throw new Error(`the address ${email} belongs to another user`)
      return done(email === 'none' ? 'removed the address of' : `gave the address ${email} to`, ended)
    }
    case 'reset-password': {
      const password = randomPassword()
      return [...done('reset the password of', await accounts.resetPassword(user, password)), `password ${password}`]
    }
    default:
      return done('deleted', await accounts.remove(user))
  }
}

async function show(user: User, app: Opened['app']): Promise<string[]> {
  const sessions = await app.sessions.list(user.id)
  return [
    describe(user),
    describeEmail(user),
    `id ${user.id}, created ${user.createdAt.toISOString()}, scope ${scopeOf(user.roles)}`,
    `${count(sessions.length)} open`,
    ...sessions.map(({ id, device, lastUsedAt }) => {
      const used = new Date(lastUsedAt).toISOString()
      return `  ${id}, last used ${used}, ${JSON.stringify(device ?? 'unknown device')}`
    })
  ]
}

function describeEmail({ email, pendingEmail }: User): string {
  const pending = pendingEmail === null ? '' : `, ${pendingEmail} is not verified`
  return `${email === null ? 'no verified address' : `address ${email}`}${pending}`
}

const count = (sessions: number) => `${sessions} ${sessions === 1 ? 'session' : 'sessions'}`

/** How many users `list` prints. */
const maxListed = 1000

function describeAll(users: readonly User[]): string[] {
  if (users.length === 0) return ['there are no users yet: the command "add" adds one']
  const lines = users.slice(0, maxListed).map(describe)
  return users.length <= maxListed ? lines : [...lines, `only the first ${maxListed} are shown`]
}

function describe({ name, roles, disabledAt }: User): string {
  const role = roles.length > 0 ? ` with the role ${roles.join(', ')}` : ''
  return `${name}${role}${disabledAt === null ? '' : `, disabled since ${disabledAt.toISOString()}`}`
}

const withName = ['add', 'show', 'disable', 'enable', 'role', 'email', 'reset-password', 'delete']

/** @returns `null` to show the help */
function readArguments(args: string[]): Arguments | null {
  const { positionals, values } = parseArgs({
    args,
    allowPositionals: true,
    options: { role: { type: 'string' }, help: { type: 'boolean', short: 'h' } }
  })
  const [command, name = '', ...more] = positionals
  if (command === undefined || values.help) return null
  if (command !== 'list' && !withName.includes(command)) throw new Error(`unknown command ${command}: see --help`)
  const wanted = command === 'list' ? 1 : command === 'role' || command === 'email' ? 3 : 2
  if (positionals.length !== wanted || (values.role !== undefined && command !== 'add')) {
    const usage = help.find((line) => line.startsWith(`  ${command} `))!
    throw new Error(`expected: ${usage.trim().split('  ')[0]}`)
  }
  const role = command === 'role' ? more[0] : values.role
  checkRole(role, { orNone: command === 'role' })
  if (command === 'add' && !Value.Check(Username, name)) {
    throw new Error(`the username must be ${Username.description}: received ${JSON.stringify(name)}`)
  }
  const email = command === 'email' ? more[0] : undefined
  if (email !== undefined && email !== 'none' && !Value.Check(Email, email)) {
    throw new Error(`the address must be an e-mail address or none: received ${JSON.stringify(email)}`)
  }
  return { command, name, role, email }
}

function checkRole(role: string | undefined, { orNone }: { orNone: boolean }): void {
  const allowed: string[] = [...roles, ...(orNone ? ['none'] : [])]
  if (role === undefined || allowed.includes(role)) return
  throw new Error(`the role must be one of ${allowed.join(', ')}: received ${JSON.stringify(role)}`)
}

await runCommand({ url: import.meta.url, purpose: 'administer the users', help, run: users })
