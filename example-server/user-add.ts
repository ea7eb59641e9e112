import { addUser } from './add-user.ts'
import { ConfigError } from './config.ts'

try {
  console.log(await addUser(process.argv.slice(2)))
} catch (error) {
  console.error(error instanceof ConfigError ? error.message : `Cannot add the user: ${(error as Error).message}`)
  process.exitCode = 1
}
