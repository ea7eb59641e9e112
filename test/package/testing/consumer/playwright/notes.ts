import { expect, test } from '@playwright/test'
import { createTestAuth } from 'fastify-authenticate/testing'
import { createApp } from '../app.js'

test('alice opens the page signed in, and adds a note', async ({ browser }) => {
  const auth = createTestAuth()
  const app = await createApp(auth.options)
  const url = await app.listen({ host: 'localhost', port: 0 })
  const claims = { roles: [], tenant: 'acme' }
  const storageState = await auth.storageState('alice', { url, scope: 'notes:write', claims })
  const context = await browser.newContext({ storageState })

  const page = await context.newPage()
  await page.goto(url)
  await expect(page.getByRole('heading')).toHaveText('alice')
  await page.getByRole('button', { name: 'Add' }).click()
  await expect(page.getByRole('listitem')).toHaveText('201')

  await auth.signOut('alice')
  await page.reload()
  await expect(page.getByRole('heading')).toHaveText('Sign in')
  await context.close()
  await app.close()
})
