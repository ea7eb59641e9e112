/** TypeScript of a page: it has the types of the DOM, and none of Node's. */
export const page = `
import { AuthUnavailable, createAuth } from 'fastify-authenticate/client'

interface User { readonly name: string }
export const auth = createAuth<User>({ refresh: '/auth/refresh', signOut: '/auth/logout', me: '/me' })
export const { fetch } = auth
export const same: typeof globalThis.fetch = fetch
export const nameOf = (): string | null | undefined => auth.user && auth.user.name
auth.addEventListener('signed-in', () => { document.title = auth.user?.name ?? '' }, { once: true })
export async function signIn(body: FormData): Promise<void> {
  const response = await fetch('/login', { method: 'POST', body })
  if (response.ok) await auth.signedIn(response)
}
export async function leave(): Promise<void> {
  await auth.signOut()
  auth.close()
}
export const waitMs = (error: unknown): number | undefined =>
  error instanceof AuthUnavailable ? error.retryAfterMs : undefined
export const bearer = createAuth({ refresh: '/token', baseUrl: 'https://api.example.com', transport: 'bearer' })
// @ts-expect-error: not a member of User
export const typo = () => auth.user?.nmae
// @ts-expect-error: not an option
createAuth({ refresh: '/auth/refresh', leadMs: 1 })
// @ts-expect-error: not a transport
createAuth({ refresh: '/auth/refresh', transport: 'header' })
`

export const pageProject = JSON.stringify({
  compilerOptions: {
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    target: 'es2022',
    lib: ['es2022', 'dom'],
    types: [],
    module: 'esnext',
    moduleResolution: 'bundler',
    noEmit: true
  },
  files: ['page.ts']
})
