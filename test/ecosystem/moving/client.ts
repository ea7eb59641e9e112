/** The client of docs/moving/fastify-jwt.md. */
export interface Client {
  signIn(username: string, password: string): Promise<boolean>
  fetch(path: string, init?: RequestInit): Promise<Response>
  signOut(): Promise<void>
  close(): void
}
