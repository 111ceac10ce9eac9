/** `kumbu jobs`: what an operator sees of schedules and queued work, on the database of an instance that is open meanwhile. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { HopelessError } from '../../src/platform/queue'
import { createWorld, type World } from '../support/world'

let world: World
beforeEach(async () => {
  world = await createWorld()
})
afterEach(() => world.end())

/** As an operator types it, in a process of its own. */
async function kumbuJobs(...flags: string[]): Promise<{ code: number; out: string; err: string }> {
  const { folder, location } = world.database
  const place = location.engine === 'sqlite' ? [] : ['--database-url', location.url]
  const child = Bun.spawn(
    [process.execPath, join(import.meta.dir, '../../src/main.ts'), 'jobs', '--data', folder, ...place, ...flags],
    { stdout: 'pipe', stderr: 'pipe', env: { PATH: process.env.PATH ?? '' } },
  )
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { code: await child.exited, out, err }
}

/** The cells of the table’s line that begins with this word. */
const lineOf = (out: string, first: string) =>
  out
    .split('\n')
    .find((line) => line.startsWith(first))
    ?.split(/ {2,}/)

describe('kumbu jobs', () => {
  test('names every schedule of a serving instance, also before the first run, and says that nothing waits', async () => {
    const { code, out, err } = await kumbuJobs()
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(lineOf(out, 'schedule')).toEqual([
      'schedule',
      'pattern',
      'zone',
      'missed',
      'last run',
      'which ended',
      'next run',
    ])
    for (const { name, pattern } of world.app.jobs.schedules()) expect(lineOf(out, name)?.[1]).toBe(pattern)
    expect(lineOf(out, 'platform.backup')?.slice(0, 5)).toEqual([
      'platform.backup',
      '41 * * * *',
      'UTC',
      'run_once',
      'never',
    ])
    expect(out).toContain('\nNothing waits in the queue.\n')
  })

  test('shows how the last run ended and what waits, by kind', async () => {
    const { app, clock, write } = world
    app.queue.add({
      kind: 'job:reports.send',
      attempts: 1,
      run: async () => {
        throw new HopelessError('nobody to send it to')
      },
    })
    await app.jobs.runNow('withdrawals.expire')
    await write((tx) => app.queue.put(tx, { kind: 'job:reports.send', payload: {} }))
    await app.queue.drain()
    await write((tx) => app.queue.put(tx, { kind: 'job:reports.send', payload: {}, dueAt: Date.UTC(2099, 0, 1) }))

    const { out } = await kumbuJobs()
    const [, , , , lastRun, ended] = lineOf(out, 'withdrawals.expire') ?? []
    expect([lastRun, ended]).toEqual([new Date(clock()).toISOString().replace('.000', ''), 'done'])
    expect(lineOf(out, 'job:reports.send')).toEqual(['job:reports.send', '1', '0', '0', '1', '2099-01-01T00:00:00Z'])
  })

  test('says the same as JSON, with what was wrong', async () => {
    const { jobs } = world.app
    const { runtime } = world
    const { write } = runtime.store
    // The first change of the run itself fails, the claim before it does not.
    let writes = 0
    runtime.store.write = (unit) => {
      writes += 1
      return writes === 3 ? Promise.reject(new Error('the disk is\nfull')) : write(unit)
    }
    await jobs.runNow('platform.prune').catch(() => undefined)
    runtime.store.write = write

    const { code, out } = await kumbuJobs('--json')
    const { schedules, kinds } = JSON.parse(out)
    expect({ code, kinds }).toEqual({ code: 0, kinds: [] })
    expect(schedules.map(({ name }: { name: string }) => name)).toEqual([
      ...jobs.schedules().map(({ name }) => name),
      'platform.backup',
    ])
    const prune = schedules.find(({ name }: { name: string }) => name === 'platform.prune')
    expect(prune).toMatchObject({ lastOutcome: 'failed', error: 'the disk is\nfull' })
    // A line break in an error breaks no line of the table.
    expect(lineOf((await kumbuJobs()).out, 'platform.prune')?.[5]).toBe('failed: the disk is full')
  })
})
