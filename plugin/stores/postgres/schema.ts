import { UnusableStoreError } from '../session-store.ts'
import type { PostgresClient } from './driver.ts'
import { sessionTables } from './steps/001-sessions.ts'
import { functions as firstFunctions } from './steps/002-functions.ts'
import { subjectTables } from './steps/003-subjects.ts'
import { functions } from './steps/004-functions.ts'
import { sessionLimits } from './steps/005-session-limits.ts'
import { cachedPlans } from './steps/006-cached-plans.ts'
import { pushedEntries } from './steps/007-pushed-entries.ts'
import { batches } from './steps/008-batches.ts'

interface Step {
  readonly statements: string
  /** The last step that code must know to use a schema that has this one. */
  readonly usableFrom: string
}

/**
 * Applied to a schema once each, in this order. A published step never changes; append new ones. The index that
 * `list()` reads is `auth_sessions_open` in `steps/003-subjects.ts`. Its function is `auth_list()` in
 * `steps/004-subjects.ts`.
 */
export const steps: Readonly<Record<string, Step>> = {
  '001-sessions': { statements: sessionTables, usableFrom: '001-sessions' },
  '002-functions': { statements: firstFunctions, usableFrom: '002-functions' },
  '003-subjects': { statements: subjectTables, usableFrom: '004-functions' },
  '004-functions': { statements: functions, usableFrom: '004-functions' },
  '005-session-limits': { statements: sessionLimits, usableFrom: '004-functions' },
  '006-cached-plans': { statements: cachedPlans, usableFrom: '004-functions' },
  '007-pushed-entries': { statements: pushedEntries, usableFrom: '004-functions' },
  '008-batches': { statements: batches, usableFrom: '004-functions' }
}

/** An arbitrary number, the same on all nodes. */
const migrationLock = 4_702_111_234_474_983

/** Whether there is nothing to migrate. */
export async function isCurrent(client: PostgresClient, schema: string): Promise<boolean> {
  return (await missingSteps(client, schema)).length === 0
}

/** Creates or migrates a schema. Nodes that start together do it once. */
export async function migrate(client: PostgresClient, schema: string): Promise<void> {
  await client.query(`BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(${migrationLock})`)
  // Another node may have done it meanwhile, with permissions that this one lacks.
  if (await isCurrent(client, schema)) {
    await client.query('COMMIT')
    return
  }
  const { rows } = await client.query('SELECT FROM pg_namespace WHERE nspname = $1', [schema])
  if (rows.length === 0) await client.query(`CREATE SCHEMA "${schema}"`)
  await client.query(`SET LOCAL search_path = "${schema}", pg_temp`)
  await client.query(`CREATE TABLE IF NOT EXISTS
      auth_schema (step text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT clock_timestamp());
    ALTER TABLE auth_schema ADD COLUMN IF NOT EXISTS usable_from text`)
  for (const step of await missingSteps(client, schema)) {
    await client.query(steps[step]!.statements)
    await client.query('INSERT INTO auth_schema (step, usable_from) VALUES ($1, $2)', [step, steps[step]!.usableFrom])
  }
  await client.query('COMMIT')
}

/** @throws UnusableStoreError if a newer version has changed the schema so that this version cannot use it */
async function missingSteps(client: PostgresClient, schema: string): Promise<string[]> {
  const table = `"${schema}".auth_schema`
  const {
    rows: [found]
  } = await client.query('SELECT to_regclass($1) IS NOT NULL AS exists', [table])
  if (!(found as { exists: boolean }).exists) return Object.keys(steps)
  // As JSON, because older versions created the table without `usable_from`.
  const { rows } = await client.query(`SELECT step, to_jsonb(applied) ->> 'usable_from' AS "usableFrom"
    FROM ${table} AS applied ORDER BY step`)
  const applied = rows as { step: string; usableFrom: string | null }[]
  for (const { step, usableFrom } of applied) {
    if (steps[step] !== undefined || (usableFrom !== null && steps[usableFrom] !== undefined)) continue
    throw new UnusableStoreError(
      `the PostgreSQL schema "${schema}" has the step "${step}", ` +
        `which needs code that knows the step "${usableFrom ?? step}": ` +
        `this version of fastify-authenticate knows the steps up to "${Object.keys(steps).at(-1)}"; update it`
    )
  }
  return Object.keys(steps).filter((step) => !applied.some((row) => row.step === step))
}
