/** What docs/asvs.md says of itself: every requirement once, marks that mean something, counts and files that are there. */
import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dir, '../..')
const DOCUMENT = readFileSync(join(ROOT, 'docs/asvs.md'), 'utf8')
const MARKS = ['met', 'partly', 'not met', 'n/a']
const COLUMNS = ['number', 'what it asks', 'mark', 'where or why']

/** The sections of ASVS 5.0.0, each with the levels of its requirements in their order; level 3 comes last and is left out. */
const SECTIONS = `
  1.1:22 1.2:111112222 1.3:11222222222 1.4:222 1.5:12
  2.1:122 2.2:112 2.3:1222 2.4:2
  3.2:11 3.3:1222 3.4:112222 3.5:11122 3.7:22
  4.1:122 4.2:2 4.3:22 4.4:1222
  5.1:2 5.2:112 5.3:11 5.4:222
  6.1:122 6.2:111111112222 6.3:1122 6.4:1122 6.5:22222 6.6:222 6.8:2222
  7.1:222 7.2:1111 7.3:22 7.4:11222 7.5:22 7.6:22
  8.1:12 8.2:112 8.3:1 8.4:2
  9.1:111 9.2:1222
  10.1:22 10.2:22 10.3:2222 10.4:11111222222 10.5:22222 10.6:22 10.7:222
  11.1:22 11.2:222 11.3:112 11.4:1222 11.5:2 11.6:2
  12.1:122 12.2:11 12.3:2222
  13.1:2 13.2:22222 13.3:22 13.4:12222
  14.1:22 14.2:1222 14.3:122
  15.1:122 15.2:122 15.3:1222222
  16.1:2 16.2:22222 16.3:2222 16.4:222 16.5:222
  17.1:2 17.2:2222 17.3:22
`

interface Row {
  numbers: string[]
  asks: string
  mark: string
  why: string
}

const cellsOf = (line: string) =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())

const levels = new Map<string, string>(
  SECTIONS.trim()
    .split(/\s+/)
    .flatMap((section) => {
      const [name = '', digits = ''] = section.split(':')
      return [...digits].map((level, i) => [`${name}.${i + 1}`, level] as const)
    }),
)

/** "1.2.6–1.2.8, 1.3.1" is four numbers. */
function numbersOf(cell: string): string[] {
  return cell.split(', ').flatMap((part) => {
    const [first = '', last = first] = part.split('–')
    const [section, from] = parted(first)
    const [sameSection, to] = parted(last)
    if (section !== sameSection || to < from) throw new Error(`"${part}" is no range within one section.`)
    return Array.from({ length: to - from + 1 }, (_, i) => `${section}.${from + i}`)
  })
}

function parted(number: string): [section: string, last: number] {
  const match = /^(\d+\.\d+)\.(\d+)$/.exec(number)
  if (!match) throw new Error(`"${number}" is no number of a requirement.`)
  return [match[1] as string, Number(match[2])]
}

const [introduction = '', ...chapters] = DOCUMENT.split(/^## /m)

const tables = chapters.map((text) => {
  const [header = [], , ...rows] = text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map(cellsOf)
  return { chapter: /^V(\d+) /.exec(text)?.[1], header, rows }
})

const rows: Row[] = tables.flatMap((table) =>
  table.rows.map(([number = '', asks = '', mark = '', why = '']) => ({ numbers: numbersOf(number), asks, mark, why })),
)

/** What is named in backticks and is a file or folder of this repository, not an address or a word of code. */
const filesOf = (text: string) =>
  [...text.matchAll(/`([^`\s]+)`/g)]
    .map(([, name = '']) => name)
    .filter((name) =>
      /^(?:src|test|docs|scripts|migrations|bench)(?:\/|$)|^(?!\/)[\w./-]+\.(?:[jt]s|json|md|sql)$|^\.npmrc$/.test(
        name,
      ),
    )

const countOf = (mark: string, fits: (number: string) => boolean = () => true) =>
  rows.filter((row) => mark === 'all' || row.mark === mark).flatMap(({ numbers }) => numbers.filter(fits)).length

describe('The assessment against ASVS', () => {
  test('names every requirement of level 1 and 2 exactly once, and no other', () => {
    const named = rows.flatMap(({ numbers }) => numbers)
    expect(named.filter((number, i) => named.indexOf(number) !== i)).toEqual([])
    expect(named).toEqual([...levels.keys()])
  })

  test('has one table a chapter, with the same columns and only numbers of that chapter', () => {
    expect(tables.map(({ chapter }) => chapter)).toEqual(Array.from({ length: 17 }, (_, i) => String(i + 1)))
    for (const { chapter, header, rows } of tables) {
      expect(header).toEqual(COLUMNS)
      for (const cells of rows) {
        expect(cells).toHaveLength(COLUMNS.length)
        expect(cells[0]).toStartWith(`${chapter}.`)
      }
    }
  })

  test('gives each one of the four marks, and says where or why', () => {
    for (const { mark, asks, why } of rows) {
      expect(MARKS).toContain(mark)
      expect(asks).not.toBe('')
      expect(why).not.toBe('')
    }
  })

  test('counts in its introduction what its tables hold', () => {
    const stated = introduction
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .slice(2)
      .map(cellsOf)
      .map(([mark, , both, first]) => [mark, Number(both), Number(first)])
    const counted = [...MARKS, 'all'].map((mark) => [
      mark,
      countOf(mark),
      countOf(mark, (number) => levels.get(number) === '1'),
    ])
    expect(stated).toEqual(counted)
  })

  test('names only files that are there', () => {
    const files = filesOf(DOCUMENT)
    expect(files.length).toBeGreaterThan(100)
    expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([])
  })
})
