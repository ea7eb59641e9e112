import { closeSync, existsSync, fsyncSync, openSync, rmSync, statSync } from 'node:fs'
import { fileIn } from './open.ts'
import { createFile, namingFile, openFile } from './file.ts'

/** How long the copy waits for a process that is changing the journal mode: a server that starts. */
const busyTimeoutMs = 5000

/**
 * Copies the database into a new file, as it is at one moment, while servers read and write it. Returns the size of the
 * copy in bytes. If this fails, it removes the copy.
 * @throws Error if `copy` exists, or if the database does not exist
 */
export async function backUp(dataDir: string, copy: string): Promise<number> {
  const path = fileIn(dataDir)
  if (!existsSync(path)) throw new Error(`there is no database ${path}`)
  if (!createFile(copy)) throw new Error(`${copy} exists already: name a new file`)
  try {
    const database = await openFile(path, { readOnly: true })
    try {
      database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`)
      namingFile(path, () => database.prepare('VACUUM INTO :copy').run({ copy }))
    } finally {
      database.close()
    }
    await assertComplete(copy)
    return statSync(copy).size
  } catch (error) {
    rmSync(copy, { force: true })
    throw error
  }
}

async function assertComplete(copy: string): Promise<void> {
  const database = await openFile(copy, { readOnly: true })
  try {
    const { quick_check: result } = database.prepare('PRAGMA quick_check(1)').get() as { quick_check: string }
    if (result !== 'ok') throw new Error(`the copy ${copy} is broken: ${result}`)
  } finally {
    database.close()
  }
  const file = openSync(copy, 'r')
  fsyncSync(file)
  closeSync(file)
}
