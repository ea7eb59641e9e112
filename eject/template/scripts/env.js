// Reads `.env`, if there is one. A variable that is already set stays as it is.
import { existsSync } from 'node:fs'

if (existsSync('.env')) process.loadEnvFile()
