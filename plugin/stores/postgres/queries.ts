import { borrowClient, lendClient, withTimeLimit } from './driver.ts'
import type { PostgresPool, TimeLimit } from './driver.ts'
import type { createPreparation } from './preparation.ts'
import type { createPush } from './push.ts'
import type { Columns } from './rows.ts'
import type { TimeLimits } from './time-limits.ts'

export interface Query {
  readonly text: string
  /** Called when there is a client: the age of a credential grows while the call waits for one. */
  readonly values?: () => unknown[]
  readonly timeoutMs?: number
}

export interface QueryParts {
  readonly pool: PostgresPool
  readonly preparation: Pick<ReturnType<typeof createPreparation>, 'once'>
  readonly push: Pick<ReturnType<typeof createPush>, 'run'>
  readonly limits: Pick<TimeLimits, 'callMs'>
}

/** Runs statements on clients of the pool, with time limits, once the schema is ready. */
export function createQueries({ pool, preparation, push, limits }: QueryParts) {
  async function readyClient({ timedOut }: TimeLimit) {
    await Promise.race([preparation.once(), timedOut])
    return await borrowClient({ pool, timedOut })
  }

  const query = ({ text, values = () => [], timeoutMs = limits.callMs }: Query) =>
    withTimeLimit(timeoutMs, async (limit) => {
      const client = await readyClient(limit)
      const { rows } = await lendClient({ client, ...limit }, () =>
        push.run(client.processID ?? undefined, () => client.query(text, values()))
      )
      return rows as Columns[]
    })

  return {
    query,

    async queryOne(given: Query): Promise<Columns> {
      const [columns] = await query(given)
      return columns!
    },

    /**
     * The calls that `values` takes may be younger than the wait for a client: the statement has its own limit. It must
     * not notify.
     */
    async queryTogether({ text, values }: Required<Pick<Query, 'text' | 'values'>>): Promise<Columns[]> {
      const client = await withTimeLimit(limits.callMs, readyClient)
      return await withTimeLimit(limits.callMs, async (limit) => {
        const { rows } = await lendClient({ client, ...limit }, () => client.query(text, values()))
        return rows as Columns[]
      })
    }
  }
}
