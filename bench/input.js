import { once } from 'node:events'

/** The first message to a measured process: issuer, audience, keys, and what only this process needs. */
export const [input] = await once(process, 'message')
