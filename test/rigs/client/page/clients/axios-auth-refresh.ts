import axios, { isAxiosError } from 'axios'
import { createAuthRefresh } from 'axios-auth-refresh'
import type { CreateClient } from '../client.ts'
import { login } from '../load.ts'

/** As its README shows. With cookies there is no header to replace. */
export const createClient: CreateClient = (onSignedOut) => {
  const api = axios.create()
  createAuthRefresh(api, async () => {
    try {
      await axios.post('/auth/refresh')
    } catch (error) {
      if (isAxiosError(error) && error.response?.status === 401) onSignedOut()
      throw error
    }
  })
  return {
    async signIn() {
      await login('cookie')
    },
    async request({ method, path, body, signal }) {
      const { status } = await api.request({ method, url: path, signal, ...(body && { data: body }) })
      return status
    }
  }
}
