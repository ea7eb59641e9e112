import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createProgram } from './program.ts'
import { readPublicApi } from './public-api.ts'
import { describeApi } from './reference.ts'

const folder = join(import.meta.dirname, '../docs/reference')
mkdirSync(folder, { recursive: true })
for (const [page, text] of describeApi(readPublicApi(createProgram()))) writeFileSync(join(folder, page), text)
