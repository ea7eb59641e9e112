// Installs the packages that the benchmark compares with, once.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

if (!existsSync('bench/node_modules')) {
  // A shell, because Windows starts npm by a script.
  const { status } = spawnSync('npm ci --prefix bench --no-audit --no-fund', { stdio: 'inherit', shell: true })
  process.exitCode = status ?? 1
}
