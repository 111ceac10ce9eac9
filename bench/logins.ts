/**
 * What a flood of sign-ins does to transfers: the same modest load with the flood and without it, in turns within one
 * run. And how many sign-ins are answered, alone and beside transfers, against the bare rate of Argon2 on one thread.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seedPeople } from './support/people'
import { median, report } from './support/report'
import { load, serve } from './support/server'

const PEOPLE = 1_000
const CONNECTIONS = 8
const FLOOD_CONNECTIONS = 16
const ROUNDS = 5
const SECONDS = Number(process.env.BENCH_SECONDS ?? 6)
const PASSWORD = 'a horse, a battery, a staple'

interface FloodReport {
  perSecond: number
  failed: number
  firstFailure: string
}

export async function logins(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'kumbu-bench-'))
  try {
    const data = join(folder, 'data')
    const passwordHash = await Bun.password.hash(PASSWORD, { algorithm: 'argon2id', memoryCost: 19_456, timeCost: 2 })
    const { file } = await seedPeople({ data }, PEOPLE, passwordHash)
    const server = await serve(['--data', data, '--mode', 'production'])
    const transfers = () => load(server.base, file, CONNECTIONS, SECONDS, 1)
    // The first round meets every person’s token and PIN for the first time.
    await load(server.base, file, CONNECTIONS, 1, 4)
    const argon2: number[] = []
    const alone: number[] = []
    const beside: number[] = []
    const calm = []
    const flooded = []
    for (let i = 0; i < ROUNDS; i++) {
      argon2.push(argon2PerSecond(passwordHash, SECONDS / 2))
      alone.push((await duringFlood(server.base, () => Bun.sleep(SECONDS * 500))).flood.perSecond)
      calm.push(await transfers())
      const { flood, result } = await duringFlood(server.base, transfers)
      beside.push(flood.perSecond)
      flooded.push(result)
    }
    await server.stop()
    const value = median(flooded.map(({ p99Ms }) => p99Ms))
    const calmValue = median(calm.map(({ p99Ms }) => p99Ms))
    report({
      name: 'transfers_under_logins',
      value,
      unit: 'ms, p99 of transfers under a flood of sign-ins',
      peer: 'the same transfers without the flood',
      peer_value: calmValue,
      ratio: value / calmValue,
      goal: 'at most 1.5',
      p50_ms: median(flooded.map(({ p50Ms }) => p50Ms)),
      peer_p50_ms: median(calm.map(({ p50Ms }) => p50Ms)),
      transfers_per_second: median(flooded.map(({ perSecond }) => perSecond)),
      peer_transfers_per_second: median(calm.map(({ perSecond }) => perSecond)),
      logins_per_second: median(alone),
      logins_beside_transfers_per_second: median(beside),
      argon2_per_second: median(argon2),
      logins_to_argon2: median(alone) / median(argon2),
      connections: CONNECTIONS,
      flood_connections: FLOOD_CONNECTIONS,
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function duringFlood<T>(base: string, work: () => Promise<T>): Promise<{ flood: FloodReport; result: T }> {
  const child = Bun.spawn(
    [
      process.execPath,
      join(import.meta.dir, 'support/flood.ts'),
      base,
      String(FLOOD_CONNECTIONS),
      String(PEOPLE),
      PASSWORD,
    ],
    { stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' },
  )
  const result = await work()
  await child.stdin.end()
  const flood = JSON.parse(await new Response(child.stdout).text()) as FloodReport
  if (flood.failed > 0) throw new Error(`${flood.failed} sign-ins failed: ${flood.firstFailure}`)
  return { flood, result }
}

function argon2PerSecond(hash: string, seconds: number): number {
  const startedAt = performance.now()
  let done = 0
  while (performance.now() - startedAt < seconds * 1000) {
    Bun.password.verifySync(PASSWORD, hash)
    done += 1
  }
  return done / ((performance.now() - startedAt) / 1000)
}
