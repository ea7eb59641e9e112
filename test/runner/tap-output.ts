/** The failed assertions of a TAP stream, each with its diagnosis; else what is wrong with the stream. */
export function failuresOf(tap: string, { exit, stderr }: { exit: string; stderr: string }): string[] {
  const failed = [...tap.matchAll(/^( *)not ok (?!.*# (?:skip|todo))(.*)\n((?:\1 {2}.*\n|\s*\n)*)/gim)]
  // A test fails because of what is in it: only the innermost failure is a cause.
  const causes = failed.filter(({ 1: indent = '' }, index) => {
    const before = failed[index - 1]
    return before === undefined || (before[1] ?? '').length <= indent.length
  })
  if (causes.length > 0) return mergeByPlace(causes.map(describe))
  const output = stderr.trim().split('\n').slice(-20).join('\n')
  if (exit !== '0') return [`ended with ${exit}\n${output}`]
  const plan = /^1\.\.(\d+)(.*)/m.exec(tap) ?? []
  if (Number(plan[1] ?? 0) > 0 || /# skip/i.test(plan[2] ?? '')) return []
  return [`contains no test, or ended before the first\n${output}`.trimEnd()]
}

function describe([, indent = '', name = '', diagnosis = '']: RegExpExecArray): string {
  const lines = diagnosis.replaceAll(`\n${indent}  `, '\n').replace(/^ *---\n|^ *\.\.\.\n?$/gm, '')
  return `${name.replace(/^\d+ - /, '')}\n${lines}`.trimEnd()
}

/** One assertion that fails for each value of a loop is one failure. */
function mergeByPlace(failures: readonly string[]): string[] {
  const places = new Map<string, string[]>()
  for (const failure of failures) {
    const place = /fileName: .*\n *lineNumber: .*/.exec(failure)?.[0] ?? failure
    places.set(place, [...(places.get(place) ?? []), failure])
  }
  return [...places.values()].map(([first = '', ...others]) =>
    others.length === 0 ? first : first.replace(/$/m, ` (and ${others.length} more on the same line)`)
  )
}

/** The tests that were skipped, each with its reason. */
export function skipsOf(tap: string): string[] {
  return [...tap.matchAll(/^ *ok \d+ - (.*?) # SKIP ?(.*)/gim)].map(([, name, reason]) => `${name}: ${reason}`)
}

/** What one file of a batch has printed, as if it had run alone, and its exit code once the file has ended. */
export function sectionOf(output: string, file: string): { tap: string; exit: '0' | '1' | undefined } {
  const [, section = output] = output.split(`# Subtest: ${file}\n`)
  const [inner = '', verdict, name] = section.split(/^(ok|not ok) \d+ - (.*)/m)
  const hasEnded = name?.startsWith(file) ?? false
  return { tap: inner.replace(/^ {4}/gm, ''), exit: hasEnded ? (verdict === 'ok' ? '0' : '1') : undefined }
}
