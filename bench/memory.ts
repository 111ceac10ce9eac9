/** Resident memory of the executable over a million transfers. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seedPeople } from './support/people'
import { report } from './support/report'
import { load, residentMib, serve } from './support/server'

const PEOPLE = 10_000
const TRANSFERS = Number(process.env.BENCH_TRANSFERS ?? 1_000_000)
const STEP_S = 10

export async function memory(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'kumbu-bench-'))
  try {
    const data = join(folder, 'data')
    const { file } = await seedPeople({ data }, PEOPLE)
    const server = await serve(['--data', data])
    let done = 0
    const seen: number[] = []
    // The first round meets every person for the first time and is no measure of what stays.
    await load(server.base, file, 64, STEP_S, 5)
    while (done < TRANSFERS) {
      done += (await load(server.base, file, 64, STEP_S, 0)).answered
      seen.push(await residentMib(server.pid))
    }
    await server.stop()
    const half = Math.floor(seen.length / 2)
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
    report({
      name: 'memory_under_load',
      value: Math.max(...seen),
      unit: 'MiB resident, at most',
      peer: 'the limit',
      peer_value: 250,
      ratio: Math.max(...seen) / 250,
      goal: 'at most 250 MiB, flat',
      transfers: done,
      second_half_to_first_half: mean(seen.slice(half)) / mean(seen.slice(0, half)),
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
