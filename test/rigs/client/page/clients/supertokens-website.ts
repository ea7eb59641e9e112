import SuperTokens from 'supertokens-website'
import type { CreateClient } from '../client.ts'
import { initOf, login } from '../load.ts'

/** Replaces the global `fetch`. The other half is `speakSupertokens()`. */
export const createClient: CreateClient = (onSignedOut) => {
  SuperTokens.init({
    apiDomain: location.origin,
    apiBasePath: '/auth',
    onHandleEvent({ action }) {
      if (action === 'UNAUTHORISED' || action === 'SIGN_OUT') onSignedOut()
    }
  })
  return {
    async signIn() {
      await login('cookie')
    },
    async request(input) {
      const { status } = await fetch(input.path, initOf(input))
      return status
    }
  }
}
