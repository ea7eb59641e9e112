/** What the pages call and do not print: `checkPassword()` and `findUser()`, for alice, bob and their passwords. */
export function defineUsers() {
  const all = [
    { id: 'alice', username: 'alice', password: 'wonderland', roles: ['admin'] },
    { id: 'bob', username: 'bob', password: 'builder', roles: ['user'] }
  ]
  let users = all
  Object.assign(globalThis, {
    async checkPassword(body: unknown) {
      const { username, password } = Object(body) as { username?: string; password?: string }
      const user = users.find((one) => one.username === username && one.password === password)
      if (user === undefined) throw Object.assign(new Error('Wrong username or password'), { statusCode: 401 })
      return { id: user.id, roles: user.roles }
    },
    findUser: async (sub: string) => users.find(({ id }) => id === sub)
  })
  return {
    change(id: string, change: object): void {
      users = users.map((user) => (user.id === id ? { ...user, ...change } : user))
    },
    remove(id: string): void {
      users = users.filter((user) => user.id !== id)
    },
    restore(): void {
      users = all
    }
  }
}
