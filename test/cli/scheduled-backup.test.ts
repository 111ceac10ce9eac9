/** The scheduled backup: taken by a process of its own, when the newest one is old enough. */
import { afterEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { scheduleBackups } from '../../src/cli/backup'
import { pathsOf } from '../../src/platform/db'
import { listBackups } from '../../src/platform/db/backup'
import type { Jobs, Schedule } from '../../src/platform/jobs'
import { createWorld, testConfig, type World } from '../support/world'

const DAY_MS = 24 * 3_600_000

describe('the scheduled backup', () => {
  let world: World
  const folders: string[] = []
  afterEach(async () => {
    await world.end()
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
  })

  /** The schedule as `serve` makes it, to be run by hand, on a clock of the test’s. */
  async function scheduled(flags: Record<string, string> = {}) {
    world = await createWorld()
    // On PostgreSQL the backups lie in the data folder of the copy that took them.
    const data =
      world.runtime.store.engine === 'sqlite' ? world.database.folder : mkdtempSync(join(tmpdir(), 'kumbu-data-'))
    folders.push(data)
    const schedules: Schedule[] = []
    const jobs = { schedule: (schedule: Schedule) => void schedules.push(schedule) } as unknown as Jobs
    let now = Date.now()
    const runtime = { ...world.runtime, clock: () => now }
    scheduleBackups(jobs, testConfig(flags), { ...pathsOf(data), unlock() {} }, world.database.location, runtime)
    return { schedules, backups: () => listBackups(pathsOf(data).backups), later: (ms: number) => (now += ms) }
  }

  test('is taken when there is none, not again while it is young, and again a day later', async () => {
    const { schedules, backups, later } = await scheduled()
    const [schedule] = schedules
    await schedule?.run()
    const [first] = backups()
    expect(backups()).toHaveLength(1)

    later(DAY_MS / 2)
    await schedule?.run()
    expect(backups()).toEqual([first as string])

    later(DAY_MS)
    await schedule?.run()
    expect(backups()).toHaveLength(2)
  })

  test('is switched off by zero hours', async () => {
    const { schedules } = await scheduled({ 'backup-hours': '0' })
    expect(schedules).toEqual([])
  })

  test('that cannot be taken is an error that says why, and leaves the old one', async () => {
    const { schedules, backups, later } = await scheduled()
    await schedules[0]?.run()
    const [first] = backups()
    utimesSync(first as string, 0, 0)
    await world.write(async (tx) => {
      // A change past the books is found when the copy is proved.
      await world.runtime.store.rows(
        tx,
        (await import('drizzle-orm')).sql`
        insert into entry_marks (account_id, number, transfer_id, at) values ('acc_none', 64, 'txn_none', 1)`,
      )
    })
    later(2 * DAY_MS)
    await expect(schedules[0]?.run() as Promise<void>).rejects.toThrow('the books are not true')
    expect(backups()).toEqual([first as string])
  })
})
