export interface Bar {
  readonly label: string
  readonly value: number
  /** Whether this is a figure of this project, which is highlighted. */
  readonly own: boolean
}

const width = 800
const left = 300
const right = 70
const rowHeight = 24
const top = 56
const ticks = [1, 2, 5, 10, 20, 50, 100, 200]

/** Light by default, dark if the reader's system is dark. */
const style = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 15px }
  .axis { fill: #59636e }
  .line { stroke: #d1d9e0 }
  .own { fill: #1f6feb }
  .other { fill: #8c959f }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .axis { fill: #9198a1 }
    .line { stroke: #3d444d }
    .own { fill: #4493f8 }
    .other { fill: #656c76 }
  }`

/** Draws horizontal bars on a logarithmic scale that begins at 1, as SVG. */
export function drawChart(title: string, bars: readonly Bar[]): string {
  const largest = Math.max(...bars.map(({ value }) => value))
  const end = ticks.find((tick) => tick >= largest) ?? largest
  const height = top + bars.length * rowHeight + 12
  const position = (value: number) => left + ((width - left - right) * Math.log(Math.max(value, 1))) / Math.log(end)

  const lines = ticks
    .filter((tick) => tick <= end)
    .map((tick) => {
      const x = position(tick).toFixed(1)
      return (
        `<line class="line" x1="${x}" x2="${x}" y1="${top - 6}" y2="${height - 8}"/>` +
        `<text class="axis" x="${x}" y="${top - 12}" text-anchor="middle">${tick}×</text>`
      )
    })
  const rows = bars.map(({ label, value, own }, index) => {
    const y = top + index * rowHeight
    const barEnd = position(value)
    return (
      `<text x="${left - 10}" y="${y + 15}" text-anchor="end">${escape(label)}</text>` +
      `<rect class="${own ? 'own' : 'other'}" x="${left}" y="${y + 3}" ` +
      `width="${Math.max(barEnd - left, 1).toFixed(1)}" height="${rowHeight - 8}" rx="2"/>` +
      `<text x="${(barEnd + 6).toFixed(1)}" y="${y + 15}">${value.toFixed(2)}</text>`
    )
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ` +
      `role="img" aria-label="${escape(title)}">`,
    `<style>${style}\n</style>`,
    `<text class="title" x="${left}" y="20">${escape(title)}</text>`,
    ...lines,
    ...rows,
    '</svg>\n'
  ].join('\n')
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
