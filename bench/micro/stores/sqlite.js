import { statSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { sqliteStore } from '../../../dist/stores/sqlite.js'
import { idOf, inserting, session } from '../session.js'

const { DatabaseSync } = await import(isBuiltin('node:sqlite') ? 'node:sqlite' : '@photostructure/sqlite')

export function openFile(file, options) {
  return sqliteStore(new DatabaseSync(file), options)
}

/** Inserts one session through the store, and copies it: each insert by the store would wait for the disk. */
export async function fillFile(store, { file, count }) {
  await store.insert(session(1), inserting)
  const database = new DatabaseSync(file)
  database.exec('PRAGMA cache_size = -500000')
  const columns = database
    .prepare('PRAGMA table_info(auth_sessions)')
    .all()
    .map(({ name }) => name)
  const values = columns.map((name) => ({ id: ':id', sub: ':sub' })[name] ?? name)
  const copy = database.prepare(
    `INSERT INTO auth_sessions (${columns}) SELECT ${values} FROM auth_sessions WHERE id = :first`
  )
  database.exec('BEGIN')
  for (let number = 2; number <= count; number++) {
    copy.run({ id: idOf(number), sub: `user-${number}`, first: idOf(1) })
  }
  database.exec('COMMIT')
  database.exec('PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE)')
  database.close()
}

export async function open({ folder }, name) {
  const file = `${folder}/${name}.db`
  const store = openFile(file)
  return {
    store,
    fill: (count) => fillFile(store, { file, count }),
    async bytes() {
      return statSync(file).size
    }
  }
}
