import t from 'tap'
import { cookieValues } from '../../plugin/http/credentials.ts'

t.test('cookieValues() reads the values as browsers send them, and nothing that only looks like one', async (t) => {
  const rows: [header: string | undefined, values: string[]][] = [
    [undefined, []],
    ['', []],
    ['aa', []],
    ['aa=', []],
    ['aa= \t', []],
    ['aa=1', ['1']],
    ['aa=1;', ['1']],
    ['aa=1; aa=2;aa=1', ['1', '2', '1']],
    ['b=1; aa=2; c=3', ['2']],
    [' aa=1', ['1']],
    ['\taa=1', ['1']],
    ['b=1; \t aa=2', ['2']],
    ['aa= 1\t; b=2', ['1']],
    ['aa=\t 1 2 \t', ['1 2']],
    ['aa==1=', ['=1=']],
    ['aa="1"', ['"1"']],
    ['aa=%31', ['%31']],
    ['aa=aa=1', ['aa=1']],
    ['aa=;aa=1', ['1']],
    ['xaa=1', []],
    ['aaa=1', []],
    ['aa =1', []],
    ['aax=1', []],
    ['AA=1', []],
    ['b=aa=1', []],
    ['b= aa=1', []],
    ['b aa=1', []],
    ['=aa=1', []],
    ['b=1, aa=2', []],
    ['\xa0aa=1', []],
    ['\naa=1', []],
    ['aa=\xa01\xa0', ['\xa01\xa0']]
  ]
  for (const [header, values] of rows) t.strictSame(cookieValues(header, 'aa'), values, JSON.stringify(header))
})
