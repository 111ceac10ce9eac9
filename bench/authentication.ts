/**
 * What it costs to know who sends a request: the same route with the guard and without it, in turns within one run, with
 * tokens that were seen before. And that a session that is ended is ended for the very next request, under load.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { type BenchPerson, seedPeople } from './support/people'
import { median, report } from './support/report'
import { announced } from './support/server'

const PEOPLE = 1_000
const CONNECTIONS = 64
const ROUNDS = 5
const SECONDS = Number(process.env.BENCH_SECONDS ?? 4)
const REVOCATIONS = 100

export async function authentication(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'kumbu-bench-'))
  try {
    const data = join(folder, 'data')
    const { file, people } = await seedPeople({ data }, PEOPLE)
    const child = Bun.spawn([process.execPath, join(import.meta.dir, 'support/auth-server.ts'), data], {
      stdout: 'pipe',
      stderr: 'inherit',
    })
    const base = await announced(child.stdout)
    // Every token is met for the first time.
    await gets(base, '/guarded', file, 2)
    await gets(base, '/open', file, 2)
    const open: number[] = []
    const guarded: number[] = []
    for (let i = 0; i < ROUNDS; i++) {
      // Whichever comes first in a round is not always the same.
      for (const path of i % 2 === 0 ? ['/open', '/guarded'] : ['/guarded', '/open'])
        (path === '/open' ? open : guarded).push(await gets(base, path, file, SECONDS))
    }
    const revocations = await revokeUnderLoad(base, file, people)
    child.kill()
    const value = median(guarded)
    report({
      name: 'authentication',
      value,
      unit: 'requests/s of signed-in people',
      peer: 'the same route without the guard',
      peer_value: median(open),
      ratio: value / median(open),
      goal: 'at least 0.85',
      connections: CONNECTIONS,
      people: PEOPLE,
      ...revocations,
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function gets(base: string, path: string, file: string, seconds: number): Promise<number> {
  const program = join(import.meta.dir, 'support/gets.ts')
  const child = Bun.spawn([process.execPath, program, base, path, file, String(CONNECTIONS), String(seconds), '1'], {
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const { perSecond, failed } = JSON.parse(await new Response(child.stdout).text()) as Record<string, number>
  if (failed) throw new Error(`${failed} requests were refused.`)
  return perSecond as number
}

/** Ends sessions while others are used; the first request after the answer must be refused. */
async function revokeUnderLoad(base: string, file: string, people: BenchPerson[]) {
  const doomed = people.slice(0, REVOCATIONS)
  const others = `${file}.others`
  await Bun.write(others, JSON.stringify(people.slice(REVOCATIONS)))
  const load = gets(base, '/guarded', others, 3)
  await Bun.sleep(1_000)
  let accepted = 0
  const took: number[] = []
  for (const { token } of doomed) {
    const headers = { authorization: `Bearer ${token}` }
    const before = await fetch(`${base}/guarded`, { headers })
    if (before.status !== 200) throw new Error('A session was not open before it was ended.')
    const startedAt = performance.now()
    await fetch(`${base}/revoke/${String(decodeJwt(token).sid)}`, { method: 'POST' })
    if ((await fetch(`${base}/guarded`, { headers })).status !== 401) accepted += 1
    took.push(performance.now() - startedAt)
  }
  await load
  return { revoked: doomed.length, accepted_after_revocation: accepted, revoked_and_refused_within_ms: median(took) }
}
