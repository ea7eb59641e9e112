import axios, { isAxiosError } from 'axios'
import { applyAuthTokenInterceptor, isLoggedIn, setAuthTokens, type IAuthTokens } from 'axios-jwt'
import type { CreateClient } from '../client.ts'
import { login } from '../load.ts'

interface TokenResponse {
  readonly access_token: string
  readonly refresh_token: string
}

function tokensOf({ access_token: accessToken, refresh_token: refreshToken }: TokenResponse): IAuthTokens {
  return { accessToken, refreshToken }
}

/** As its README shows if the server rotates. It keeps the tokens in `localStorage`. */
export const createClient: CreateClient = (onSignedOut) => {
  const api = axios.create()
  applyAuthTokenInterceptor(api, {
    // The default of 10 s is longer than the lifetime.
    tokenExpireFudge: '1s',
    async requestRefresh(token) {
      try {
        return tokensOf((await axios.post<TokenResponse>('/auth/refresh', { refresh_token: token })).data)
      } catch (error) {
        if (isAxiosError(error) && error.response?.status === 401) onSignedOut()
        throw error
      }
    }
  })
  api.interceptors.response.use(undefined, async (error) => {
    // Another tab has removed the tokens.
    if (error.response?.status === 401 && !(await isLoggedIn())) onSignedOut()
    throw error
  })
  return {
    async signIn() {
      await setAuthTokens(tokensOf(await (await login('bearer')).json()))
    },
    async request({ method, path, body, signal }) {
      const { status } = await api.request({ method, url: path, signal, ...(body && { data: body }) })
      return status
    }
  }
}
