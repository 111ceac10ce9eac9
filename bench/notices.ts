/**
 * What it costs a transfer that people are told of it: the same transfers through the same wallet, once with nobody
 * listening to what happened and once with the messages put in, in turns within one run. Nothing is sent meanwhile.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApp } from '../src/app'
import { type Booted, boot } from '../src/cli/boot'
import { loadConfig } from '../src/config'
import { createLedger } from '../src/modules/ledger'
import { createWallet, type Wallet } from '../src/modules/wallet'
import { createEvents } from '../src/platform/events'
import { createQueue } from '../src/platform/queue'
import { type BenchPerson, PIN, seedPeople } from './support/people'
import { median, report } from './support/report'

const PEOPLE = 1_000
const AT_ONCE = 64
const TRANSFERS = Number(process.env.BENCH_TRANSFERS ?? 20_000)
const ROUNDS = 7

interface Place {
  booted: Booted
  wallet: Wallet
  people: BenchPerson[]
}

export async function notices(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'kumbu-bench-'))
  const places: Place[] = []
  try {
    const telling = await open(join(folder, 'telling'), true)
    const silent = await open(join(folder, 'silent'), false)
    places.push(telling, silent)
    const times = { telling: [] as number[], silent: [] as number[] }
    await run(telling)
    await run(silent)
    for (let i = 0; i < ROUNDS; i++) {
      times.telling.push(await run(telling))
      times.silent.push(await run(silent))
    }
    const [value, peer] = [median(times.telling), median(times.silent)]
    report({
      name: 'transfer_with_notices',
      value,
      unit: 'us a transfer, its messages put in',
      peer: 'the same with nobody listening',
      peer_value: peer,
      ratio: value / peer,
      goal: 'at most 1.1',
      transfers_a_round: TRANSFERS,
    })
  } finally {
    for (const { booted } of places) await booted.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function open(data: string, isTelling: boolean): Promise<Place> {
  const flags = { data, 'log-level': 'error', mode: 'production' }
  const { people } = await seedPeople(flags, PEOPLE)
  const config = loadConfig(flags, {}, false)
  const booted = await boot(config)
  const app = createApp(config, booted.runtime)
  if (isTelling) return { booted, wallet: app.wallet, people }
  const { runtime } = booted
  const unheard = createEvents(runtime, createQueue(runtime))
  const parts = { identity: app.identity, ledger: createLedger(runtime), events: unheard }
  return { booted, wallet: createWallet(runtime, parts, { currency: config.currency, transferFeeBps: 0 }), people }
}

/** Microseconds a transfer. */
async function run({ wallet, booted, people }: Place): Promise<number> {
  let next = 0
  const write: Parameters<Wallet['transfer']>[1] = (unit) => booted.runtime.store.write(unit)

  async function one(): Promise<void> {
    while (next < TRANSFERS) {
      const number = next++
      const from = people[number % PEOPLE] as BenchPerson
      const to = people[(number * 7 + 1) % PEOPLE] as BenchPerson
      const sent = await wallet.transfer({ fromUserId: from.id, to: to.id, amount: 1, pin: PIN }, write)
      if (!sent.ok && sent.code !== 'recipient_is_sender') throw new Error(sent.code)
    }
  }

  const startedAt = performance.now()
  await Promise.all(Array.from({ length: AT_ONCE }, one))
  return ((performance.now() - startedAt) * 1000) / TRANSFERS
}
