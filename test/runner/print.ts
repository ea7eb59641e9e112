import type { TestResult } from './test-process.ts'

const isColored = process.stdout.isTTY
const paint = (color: number, text: string) => (isColored ? `\x1b[${color}m${text}\x1b[0m` : text)
export const red = (text: string) => paint(31, text)

export function print({ file, seconds, assertions, failures, skips }: TestResult): void {
  const verdict = failures.length > 0 ? red('FAIL') : paint(32, 'pass')
  console.log(`${verdict} ${file} ${paint(2, `${assertions} assertions, ${seconds.toFixed(1)} s`)}`)
  for (const skip of skips) console.log(paint(33, `  skipped: ${skip}`))
  for (const failure of failures) {
    const [name = '', ...diagnosis] = failure.split('\n')
    console.log(red(`  ${name}`))
    for (const line of diagnosis) console.log(`    ${line}`)
  }
}
