/** What a transfer and a statement page cost with two million transfers in the file, against an empty one. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fillBooks } from './support/fill'
import { type BenchPerson, seedPeople } from './support/people'
import { median, report } from './support/report'
import { load, serve } from './support/server'

const PEOPLE = 10_000
const TRANSFERS = Number(process.env.BENCH_TRANSFERS ?? 2_000_000)
const CONNECTIONS = 64
const SECONDS = Number(process.env.BENCH_SECONDS ?? 8)
const ROUNDS = 3
const PAGES = 400
const PAGE = 5

export async function growth(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'kumbu-bench-'))
  try {
    const empty = join(folder, 'empty')
    const full = join(folder, 'full')
    const { people } = await seedPeople({ data: empty }, PEOPLE)
    cpSync(empty, full, { recursive: true })
    fillBooks(full, TRANSFERS)
    const servers = [await serve(['--data', empty]), await serve(['--data', full])] as const
    const files = [join(empty, 'people.json'), join(full, 'people.json')] as const

    const perTransfer: [number[], number[]] = [[], []]
    for (const i of [0, 1] as const) await load(servers[i].base, files[i], CONNECTIONS, 1, 8)
    const readers = await readersOf(servers[0].base, people)
    const pages: [number[], number[]] = [[], []]
    for (let round = 0; round < ROUNDS; round++) {
      for (const i of [0, 1] as const) pages[i].push(await pageMs(servers[i].base, readers))
    }
    for (let round = 0; round < ROUNDS; round++) {
      for (const i of [0, 1] as const) {
        perTransfer[i].push(1e6 / (await load(servers[i].base, files[i], CONNECTIONS, SECONDS, 1)).perSecond)
      }
    }
    for (const { stop } of servers) await stop()
    say('growth_transfer', perTransfer, 'us/transfer', 'at most 1.2')
    say('growth_statement_page', pages, 'ms/page', 'at most 2')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function say(name: string, [small, large]: [number[], number[]], unit: string, goal: string): void {
  const [value, peer] = [median(large), median(small)]
  report({
    name,
    value,
    unit,
    peer: 'the same with empty books',
    peer_value: peer,
    ratio: value / peer,
    goal,
    transfers_in_the_file: TRANSFERS,
    accounts: PEOPLE,
  })
}

async function page(base: string, { token }: BenchPerson): Promise<number> {
  const answer = await fetch(`${base}/api/v1/wallet/me/transactions?limit=${PAGE}`, {
    headers: { authorization: `Bearer ${token}` },
  })
  return ((await answer.json()) as { items: unknown[] }).items.length
}

/** People who have a whole page in the empty books, and so in the full ones. */
async function readersOf(base: string, people: BenchPerson[]): Promise<BenchPerson[]> {
  const readers: BenchPerson[] = []
  for (const person of people) {
    if (readers.length < PAGES && (await page(base, person)) === PAGE) readers.push(person)
  }
  if (readers.length < PAGES) throw new Error(`Only ${readers.length} people have ${PAGE} movements.`)
  return readers
}

/** The mean time of a page of movements of one person after another. */
async function pageMs(base: string, readers: BenchPerson[]): Promise<number> {
  const startedAt = performance.now()
  for (const reader of readers) await page(base, reader)
  return (performance.now() - startedAt) / readers.length
}
