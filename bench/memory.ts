import type { Effort } from './effort.ts'
import { startMicro } from './micro.ts'
import { audience, issuer, keyOf, secret } from './tokens.ts'

/** Heap bytes of one token and of one revocation. */
export interface Memory {
  readonly token: number
  readonly revocation: number
}

export async function measureMemory({ held }: Effort): Promise<Memory> {
  const { ready, stop } = await startMicro('memory.js', {
    input: { issuer, audience, secret, key: keyOf('HS256'), held },
    execArgv: ['--expose-gc']
  })
  await stop()
  return ready as Memory
}
