import { readDatabaseConfig } from '../config/config.ts'
import type { Environment } from '../config/readers.ts'
import { backUp } from '../database/sqlite/backup.ts'
import { runCommand } from './command.ts'

const help = [
  'Usage: npm run backup -- FILE',
  '',
  'Saves a copy of the SQLite database in DATA_DIR to the new file FILE, also while servers run.'
]

/** Saves a copy of the SQLite database, and resolves to a line about it. */
export async function backup([copy, ...more]: string[], env?: Environment): Promise<string> {
  if (copy === undefined || copy.startsWith('-') || more.length > 0) {
    throw new Error('expected one argument: npm run backup -- FILE')
  }
  const { databaseUrl, dataDir } = readDatabaseConfig(env)
  if (databaseUrl !== null) throw new Error('the data is in PostgreSQL: use pg_dump with DATABASE_URL')
  return `saved the database in ${dataDir} to ${copy} (${await backUp(dataDir, copy)} bytes)`
}

await runCommand({ url: import.meta.url, purpose: 'back up', help, run: async (args) => [await backup(args)] })
