import type { CreateClient } from '../client.ts'
import { initOf, login } from '../load.ts'

/** The twenty lines that every application has: after a 401 refresh once, then repeat the request. */
export const createClient: CreateClient = (onSignedOut) => {
  let refreshing: Promise<Response> | null = null

  async function fetchWithRefresh(path: string, init: RequestInit): Promise<Response> {
    const response = await fetch(path, init)
    if (response.status !== 401) return response
    refreshing ??= fetch('/auth/refresh', { method: 'POST' }).finally(() => {
      refreshing = null
    })
    const refreshed = await refreshing
    if (refreshed.ok) return await fetch(path, init)
    if (refreshed.status === 401) onSignedOut()
    return response
  }

  return {
    async signIn() {
      await login('cookie')
    },
    async request(input) {
      const { status } = await fetchWithRefresh(input.path, initOf(input))
      return status
    }
  }
}
