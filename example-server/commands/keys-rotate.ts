import { readDatabaseConfig } from '../config/config.ts'
import { rotateKeys } from '../keys/key-file.ts'
import { runCommand } from './command.ts'

await runCommand({
  url: import.meta.url,
  purpose: 'rotate the keys',
  async run(args) {
    if (args.length > 0) throw new Error(`expected no arguments: received ${args.join(' ')}`)
    const { dataDir, production } = readDatabaseConfig()
    if (production) throw new Error('in production tokens are signed with AUTH_SECRET, not with the keys in DATA_DIR')
    return await rotateKeys(dataDir)
  }
})
