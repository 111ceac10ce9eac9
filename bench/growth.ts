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
/** Few enough rows that everybody has them after the warm-up. */
const PAGE = 3

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
    const pages: [number[], number[]] = [[], []]
    for (let round = 0; round < ROUNDS; round++) {
      for (const i of [0, 1] as const) pages[i].push(await pageMs(servers[i].base, people))
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

/** The mean time of a page of movements of one person after another. */
async function pageMs(base: string, people: BenchPerson[]): Promise<number> {
  const startedAt = performance.now()
  for (let i = 0; i < PAGES; i++) {
    const { token } = people[Math.floor((i * people.length) / PAGES)] as BenchPerson
    const answer = await fetch(`${base}/api/v1/wallet/me/transactions?limit=${PAGE}`, {
      headers: { authorization: `Bearer ${token}` },
    })
    const { items } = (await answer.json()) as { items: unknown[] }
    if (items.length !== PAGE) throw new Error(`A page has ${items.length} rows.`)
  }
  return (performance.now() - startedAt) / PAGES
}
