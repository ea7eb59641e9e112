/** Signs `users` users in by `/login`, and returns the cookies of each. */
export async function signIn(app, users) {
  const cookies = []
  while (cookies.length < users) {
    const response = await app.inject({ method: 'POST', url: '/login' })
    cookies.push(response.cookies.map(({ name, value }) => `${name}=${encodeURIComponent(value)}`).join('; '))
  }
  return cookies
}
