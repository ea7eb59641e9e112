import type { Results } from '../results.ts'
import { manyNodes, memory, start, storm } from './operation.ts'
import { firstRequest, protectedRoute, refusedRequest } from './routes.ts'
import { databaseSessions, signInAndRefresh } from './sessions.ts'

/** A heading and its tables; `null` if the run did not measure it. */
type Section = (results: Results) => string | null

/** One for each thing that a reader wants to know, in that order. */
const sections: readonly Section[] = [
  protectedRoute,
  firstRequest,
  refusedRequest,
  signInAndRefresh,
  databaseSessions,
  start,
  memory,
  manyNodes,
  storm
]

export function describeQuestions(results: Results): string {
  return sections
    .map((section) => section(results))
    .filter((text) => text !== null)
    .join('\n\n')
}
