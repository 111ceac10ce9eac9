/** Signed-in transfers through the executable against the bare floor, in turns within one run. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openFloor } from './support/floor'
import { seedPeople } from './support/people'
import { median, report } from './support/report'
import { histogram, load, serve } from './support/server'

const PEOPLE = 10_000
const CONNECTIONS = 64
const ROUNDS = 3
const SECONDS = Number(process.env.BENCH_SECONDS ?? 8)

export async function transfers(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'kumbu-bench-'))
  try {
    const data = join(folder, 'data')
    const { file } = await seedPeople({ data }, PEOPLE)
    cpSync(join(data, 'kumbu.db'), join(folder, 'floor.db'))
    const floor = openFloor(join(folder, 'floor.db'))
    const server = await serve(['--data', data, '--mode', 'production'])
    // The first round meets every person’s token and PIN for the first time.
    await load(server.base, file, CONNECTIONS, 1, 8)
    const before = await histogram(server.base, 'kumbu_store_batch_units')
    const floors: number[] = []
    const loads = []
    for (let i = 0; i < ROUNDS; i++) {
      floors.push(floor.run(SECONDS / 2))
      loads.push(await load(server.base, file, CONNECTIONS, SECONDS, 1))
      floors.push(floor.run(SECONDS / 2))
    }
    const after = await histogram(server.base, 'kumbu_store_batch_units')
    await server.stop()
    floor.close()
    const value = median(loads.map(({ perSecond }) => perSecond))
    const floorValue = median(floors)
    report({
      name: 'transfers',
      value,
      unit: 'transfers/s',
      peer: 'the same rows by prepared bun:sqlite statements in transactions of 64',
      peer_value: floorValue,
      ratio: value / floorValue,
      goal: 'at least 0.5',
      p50_ms: median(loads.map(({ p50Ms }) => p50Ms)),
      p99_ms: median(loads.map(({ p99Ms }) => p99Ms)),
      mean_batch: (after.sum - before.sum) / (after.count - before.count),
      connections: CONNECTIONS,
      accounts: PEOPLE,
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
