import { readKeysConfig } from '../config/config.ts'
import { rotateKeys } from '../keys/key-file.ts'
import { runCommand } from './command.ts'

await runCommand({
  url: import.meta.url,
  purpose: 'rotate the keys',
  help: [
    'Usage: npm run keys:rotate',
    '',
    'Takes the next step of the rotation of keys.json in AUTH_KEYS_DIR, and creates the file if there is none.'
  ],
  async run(args) {
    if (args.length > 0) throw new Error(`expected no arguments: received ${args.join(' ')}`)
    const { keys, keysDir } = readKeysConfig()
    if (keys !== null) throw new Error('the keys are in AUTH_KEYS: set AUTH_KEYS_DIR instead to rotate them')
    if (keysDir === null) throw new Error('AUTH_SECRET signs tokens in production, unless AUTH_KEYS_DIR is set')
    return await rotateKeys(keysDir)
  }
})
