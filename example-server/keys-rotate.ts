import { ConfigError, readDatabaseConfig } from './config.ts'
import { rotateKeys } from './keys.ts'

try {
  if (process.argv.length > 2) throw new Error('it takes no arguments')
  const { dataDir, production } = readDatabaseConfig()
  if (production) throw new Error('in production AUTH_SECRET signs, not the keys in DATA_DIR')
  for (const line of await rotateKeys(dataDir)) console.log(line)
} catch (error) {
  console.error(error instanceof ConfigError ? error.message : `Cannot rotate the keys: ${(error as Error).message}`)
  process.exitCode = 1
}
