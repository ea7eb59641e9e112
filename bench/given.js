import { once } from 'node:events'

/** What the driver tells a measured process first: issuer, audience, keys, and what is special to it. */
export const [given] = await once(process, 'message')
