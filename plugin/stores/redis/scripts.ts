import { prelude } from './scripts/prelude.ts'
import { revocationScripts } from './scripts/revocations.ts'
import { script } from './scripts/script.ts'
import { sessionScripts } from './scripts/sessions.ts'

/** One script for each method of the store. */
export const scripts = {
  time: script(
    prelude,
    `
    return { now }`
  ),
  ...sessionScripts,
  ...revocationScripts
}
