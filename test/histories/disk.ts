import { mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { stallMs } from '../fixtures/history-node.ts'
import type { Span } from '../fixtures/history-store.ts'
import { monotonicMs } from './history.ts'

const pauseMs = 100

/**
 * Reports when the disk takes long to store one byte: every database that stores its writes waits as long, and its
 * clients get 503. Resolves to a function that ends it.
 */
export async function reportDiskStalls(report: (stall: Span) => void): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'disk-'))
  const file = await open(join(folder, 'byte'), 'w')
  const over = new AbortController()
  const watch = async () => {
    while (!over.signal.aborted) {
      const start = monotonicMs()
      await file.write('.', 0)
      await file.datasync()
      const end = monotonicMs()
      if (end - start > stallMs) report({ start, end })
      await setTimeout(pauseMs)
    }
  }
  const watched = watch()
  return async () => {
    over.abort()
    await watched
    await file.close()
    rmSync(folder, { recursive: true })
  }
}
