import t from 'tap'
import { toUnusable } from '../../../plugin/stores/postgres/errors.ts'

t.test('toUnusable() returns an error only if waiting cannot help', async (t) => {
  for (const code of ['28000', '28P01', '3D000', '3F000', '42501', '42P01', '42883', '0A000']) {
    t.match(
      toUnusable(Object.assign(new Error('its reason'), { code })),
      { name: 'UnusableStoreError', message: /its reason/ },
      code
    )
  }
  for (const code of [
    '57P03',
    '25006',
    '53300',
    '55P03',
    '40P01',
    '57P01',
    '08006',
    'ECONNREFUSED',
    'ENOTFOUND',
    'ETIMEDOUT'
  ]) {
    t.equal(toUnusable(Object.assign(new Error('its reason'), { code })), undefined, code)
  }
  t.match(toUnusable(new Error('The server does not support SSL connections')), { name: 'UnusableStoreError' })
  t.equal(toUnusable(new Error('PostgreSQL did not respond within 1800 ms')), undefined)
})
