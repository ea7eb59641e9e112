import type { Redis } from 'ioredis'

/** What a Redis server has done since it started. */
export interface RedisStats {
  readonly scripts: number
  readonly cpuMicros: number
  /** What it has sent to all of its clients. */
  readonly bytesOut: number
}

export async function readStats(client: Redis): Promise<RedisStats> {
  const [commands, cpu, stats] = [
    await client.info('commandstats'),
    await client.info('cpu'),
    await client.info('stats')
  ]
  const sum = (text: string, pattern: RegExp) =>
    [...text.matchAll(pattern)].reduce((total, [, value]) => total + Number(value), 0)
  return {
    scripts: sum(commands, /cmdstat_eval(?:sha)?:calls=(\d+)/g),
    cpuMicros: sum(cpu, /used_cpu_(?:user|sys):([\d.]+)/g) * 1e6,
    bytesOut: sum(stats, /total_net_output_bytes:(\d+)/g)
  }
}

export function difference(after: RedisStats, before: RedisStats): RedisStats {
  return {
    scripts: after.scripts - before.scripts,
    cpuMicros: after.cpuMicros - before.cpuMicros,
    bytesOut: after.bytesOut - before.bytesOut
  }
}
