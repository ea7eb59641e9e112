import SuperTokens from 'supertokens-website'
import type { CreateClient } from '../client.ts'
import { login } from '../load.ts'

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
    async request({ method, path, body, signal }) {
      const content = body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
      const { status } = await fetch(path, { method, signal, ...content })
      return status
    }
  }
}
