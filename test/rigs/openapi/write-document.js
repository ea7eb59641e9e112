// Writes the document that the example server serves into the folder that the argument names.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createApp } from '../../../example-server/app.ts'
import { readConfig } from '../../../example-server/config/config.ts'
import { openDatabase } from '../../../example-server/database/database.ts'
import { createPasswords } from '../../../example-server/passwords/passwords.ts'

const folder = /** @type {string} */ (process.argv[2])
const config = readConfig({ LOG_LEVEL: 'silent', DATA_DIR: join(folder, 'data') })
const app = await createApp({ config, database: await openDatabase(config), passwords: await createPasswords() })
writeFileSync(join(folder, 'openapi.json'), (await app.inject('/docs/json')).body)
await app.close()
