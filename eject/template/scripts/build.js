// npm run build: empties dist/, and copies what tsc does not compile, such as the page.
import { cpSync, rmSync } from 'node:fs'

rmSync('dist', { recursive: true, force: true })
cpSync('src', 'dist', { recursive: true, filter: (path) => !/(\.ts|tsconfig\.json)$/.test(path) })
