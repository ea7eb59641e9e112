import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { summaryOf } from '../../fixtures/example-client.ts'
import { databases, skips } from '../../fixtures/example-databases.ts'
import { createInjected } from '../../fixtures/example-server.ts'
import { DatabaseSync } from '../../fixtures/sqlite.ts'

t.setTimeout(600_000)

const kinds = {
  sqlite: { skip: false as false | string, open: async () => ({ env: {}, stop: async () => {} }) },
  postgres: { ...skips.postgres, open: databases.postgres }
}

async function start(t: Test, open: () => Promise<{ env: Record<string, string>; stop: () => Promise<void> }>) {
  const { env, stop } = await open()
  t.teardown(stop)
  return await createInjected(t, { env })
}

/** One page, and the path of the next one. */
async function get(app: FastifyInstance, { url, headers }: { url: string; headers: Record<string, string> }) {
  const response = await app.inject({ url, headers })
  const { link } = response.headers as { link?: string }
  const next = /^<(\/[^>]+)>; rel="next"$/.exec(link ?? '')?.[1]
  if (link !== undefined && next === undefined) throw new Error(`Link: ${link}`)
  return { status: response.statusCode, rows: response.json() as { text: string; username: string }[], next }
}

for (const [name, { skip, open }] of Object.entries(kinds)) {
  t.test(
    `GET /notes with ${name}: pages neither repeat nor skip a note while notes are added and removed`,
    { skip },
    async (t) => {
      const { app, database, signIn } = await start(t, open)
      const [bob, carol] = [await signIn('bob'), await signIn('carol')]
      for (let count = 1; count <= 7; count++) await database.notes.add(bob.sub, `note ${count}`)
      await database.notes.add(carol.sub, 'not his')
      const { headers } = bob

      const first = await get(app, { url: '/notes?limit=3', headers })
      t.strictSame(
        first.rows.map(({ text }) => text),
        ['note 7', 'note 6', 'note 5']
      )
      t.match(first.next, /^\/notes\?limit=3&cursor=[\w-]+$/)
      // The note of the cursor, one of the next page, and a new one.
      const [, , five, , three] = await database.notes.list(bob.sub)
      await database.notes.remove(bob.sub, five!.id)
      await database.notes.remove(bob.sub, three!.id)
      await database.notes.add(bob.sub, 'note 8')
      const second = await get(app, { url: first.next!, headers })
      t.strictSame(
        second.rows.map(({ text }) => text),
        ['note 4', 'note 2', 'note 1']
      )
      t.equal(second.next, undefined, 'exactly full, and the last page')
      t.strictSame(
        (await get(app, { url: first.next!, headers: carol.headers })).rows,
        [],
        "a cursor shows nobody's notes"
      )

      const all = await get(app, { url: '/notes', headers })
      t.strictSame([all.rows.length, all.next], [6, undefined])
      for (let count = 0; count < 100; count++) await database.notes.add(bob.sub, 'x')
      const hundred = await get(app, { url: '/notes', headers })
      t.equal(hundred.rows.length, 100, 'a page has at most 100 notes')
      t.equal((await get(app, { url: hundred.next!, headers })).rows.length, 6)
    }
  )

  t.test(
    `GET /admin/users with ${name} is searched by the beginning of the name, page by page`,
    { skip },
    async (t) => {
      const { app, database, signIn } = await start(t, open)
      for (const name of ['Alice', 'alan', 'ALBERT', 'a_b', 'a.b', 'axb', 'bob', 'zoe']) {
        await database.users.add({ name, passwordHash: 'hash' })
      }
      await signIn('root')
      await database.users.setRoles((await database.users.byName('root'))!.id, ['admin'])
      const { headers } = await signIn('root')
      const search = async (query: string) => {
        const { rows, next } = await get(app, { url: `/admin/users?${query}`, headers })
        return [rows.map(({ username }) => username).join(' '), next] as const
      }

      const rows: [string, string][] = [
        ['', 'a.b a_b alan ALBERT Alice axb bob root zoe'],
        ['search=al', 'alan ALBERT Alice'],
        ['search=AL', 'alan ALBERT Alice'],
        ['search=a_', 'a_b'],
        ['search=a%25', ''],
        ['search=%25', ''],
        ['search=a.', 'a.b'],
        ['search=%5C', ''],
        ["search='%20OR%201=1%20--", ''],
        ['search=alice', 'Alice'],
        ['search=alicex', ''],
        ['search=lice', ''],
        // U+212A, the Kelvin sign, is not a "k", and U+0130 is not an "i".
        ['search=%E2%84%AA', ''],
        ['search=zoe', 'zoe']
      ]
      for (const [query, expected] of rows) t.strictSame(await search(query), [expected, undefined], query)

      const [first, next] = await search('search=A&limit=2')
      t.equal(first, 'a.b a_b')
      t.match(next, /^\/admin\/users\?search=A&limit=2&cursor=[\w-]+$/)
      await database.users.remove((await database.users.find('a_b'))!.id)
      const second = await get(app, { url: next!, headers })
      t.strictSame(
        second.rows.map(({ username }) => username),
        ['alan', 'ALBERT']
      )
      const third = await get(app, { url: second.next!, headers })
      t.strictSame([third.rows.map(({ username }) => username), third.next], [['Alice', 'axb'], undefined])
    }
  )
}

t.test('a wrong cursor, limit or search is a 400 with a code', async (t) => {
  const { app, database, signIn } = await createInjected(t)
  await signIn('root')
  await database.users.setRoles((await database.users.byName('root'))!.id, ['admin'])
  const { sub, headers } = await signIn('root')
  for (const text of ['a', 'b']) await database.notes.add(sub, text)
  const ours = new URLSearchParams((await get(app, { url: '/notes?limit=1', headers })).next!.split('?')[1]).get(
    'cursor'
  )!
  const cursor = (content: unknown) => Buffer.from(JSON.stringify(content)).toString('base64url')
  const wrong = [
    'x',
    `${ours}A`,
    `${ours}=`,
    ours.slice(1),
    cursor(['notes', '1']),
    cursor(['notes', 1.5]),
    cursor(['notes', 1, 2]),
    cursor(['notes', -1]),
    cursor(['notes', 1e20]),
    cursor(['notes', 1e30]),
    cursor(['notes']),
    cursor(['users', 'a']),
    cursor({ 0: 'notes', 1: 1 }),
    cursor(null),
    '%00',
    "1' OR '1'='1"
  ]
  for (const given of wrong) {
    const response = await app.inject({ url: `/notes?cursor=${encodeURIComponent(given)}`, headers })
    t.strictSame(summaryOf(response), [400, 'CURSOR_INVALID'], given)
  }
  for (const given of [ours, cursor(['users', 1]), cursor(['users', 'bob\u0000'])]) {
    const response = await app.inject({ url: `/admin/users?cursor=${given}`, headers })
    t.strictSame(summaryOf(response), [400, 'CURSOR_INVALID'], given)
  }
  const queries = ['limit=0', 'limit=101', 'limit=-1', 'limit=1.5', 'limit=all', 'cursor=', `cursor=${'a'.repeat(201)}`]
  for (const query of queries) {
    t.strictSame(summaryOf(await app.inject({ url: `/notes?${query}`, headers })), [400, 'FST_ERR_VALIDATION'], query)
  }
  for (const query of ['search=', 'search=%00', `search=${'a'.repeat(33)}`]) {
    const response = await app.inject({ url: `/admin/users?${query}`, headers })
    t.strictSame(summaryOf(response), [400, 'FST_ERR_VALIDATION'], query)
  }
})

t.test('SQLite reads both lists by an index, without sorting', async (t) => {
  const { config } = await createInjected(t)
  const file = new DatabaseSync(`${config.dataDir}/example.db`)
  t.teardown(() => file.close())
  const planOf = (sql: string) =>
    (file.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[]).map(({ detail }) => detail).join('; ')
  t.equal(
    planOf(
      "SELECT name FROM users WHERE TRUE AND lower(name) >= 'al' AND lower(name) < 'al~' ORDER BY lower(name) LIMIT 10"
    ),
    'SEARCH users USING INDEX users_name (<expr>>? AND <expr><?)'
  )
  t.equal(
    planOf("SELECT text FROM notes WHERE user_id = 'a' AND number < 9 ORDER BY number DESC LIMIT 10"),
    'SEARCH notes USING INDEX notes_of_user (user_id=? AND number<?)'
  )
})
