import { isBuiltin } from 'node:module'
import { Redis } from 'ioredis'
import { Pool } from 'pg'

/**
 * Opens the same database with the same driver for each library: by default, `ioredis`, ten connections of `pg`, and
 * the API of `node:sqlite` in WAL mode. Each has a name of its own, which prefixes its keys or is its schema or file.
 */
export async function openDatabase({ store, ...location }, name) {
  if (store === 'redis') return new Redis(location.path, { keyPrefix: `${name}:` })
  if (store === 'postgres') return await openPostgres(location, name)
  const { DatabaseSync } = await import(isBuiltin('node:sqlite') ? 'node:sqlite' : '@photostructure/sqlite')
  const database = new DatabaseSync(`${location.folder}/${name}.db`)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  return database
}

async function openPostgres({ host, user, database }, schema) {
  const pool = new Pool({ host, user, database, options: `-c search_path=${schema}` })
  await pool.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`)
  return pool
}
