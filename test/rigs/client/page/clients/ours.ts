import { createAuth, type AuthOptions } from '../../../../../client/index.js'
import type { CreateClient } from '../client.ts'
import { initOf, login } from '../load.ts'

type OurOptions = Required<Pick<AuthOptions, 'transport'>> & Pick<AuthOptions, 'storage'>

/** This package's client. */
export function createClientWith(options: OurOptions): CreateClient {
  return (onSignedOut) => {
    const auth = createAuth({ refresh: '/auth/refresh', signOut: '/auth/logout', me: '/me', ...options })
    let wasSignedIn = false
    auth.addEventListener('signed-in', () => {
      wasSignedIn = true
    })
    auth.addEventListener('signed-out', () => wasSignedIn && onSignedOut())
    return {
      async signIn() {
        await auth.signedIn(await login(options.transport))
      },
      async request(input) {
        const { status } = await auth.fetch(input.path, initOf(input))
        return status
      }
    }
  }
}

export const createClient = createClientWith({ transport: 'cookie' })
