/** Backups, by hand and by the clock. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config'
import { verifyLedger } from '../modules/ledger'
import { type DataFolder, type Location, openReader, pathsOf } from '../platform/db'
import { listBackups, takeBackup } from '../platform/db/backup'
import type { Jobs } from '../platform/jobs'
import type { Runtime } from '../platform/runtime'
import type { Verb } from '.'
import { locationOf } from './boot'
import { CommandError } from './command-error'

export const backup: Verb = {
  name: 'backup',
  summary: 'Copy the database while it serves, check the copy, and delete the oldest beyond --backup-keep.',
  usage: 'backup [--data ./data] [--to folder] [--backup-keep 7]',
  flags: { 'to=': 'The folder for the backup (default: backups in the data folder).' },
  async run({ config, flags }) {
    const folder = flags.to === undefined ? pathsOf(config.data).backups : String(flags.to)
    const { file, bytes, pruned } = await takeBackup(
      locationOf(config),
      folder,
      config.backupKeep,
      Date.now(),
      proveBooks,
    )
    console.log(`${file} (${bytes} bytes, checked, the books are true)`)
    for (const old of pruned) console.log(`deleted ${old}`)
    console.log('Keep the instance key (instance.key in the data folder) too: without it no PIN and no token fits.')
    return 0
  },
}

/** The ledger of the copy, proved from its entries. The copy is SQLite whatever it was taken from. */
async function proveBooks(file: string): Promise<void> {
  const reader = openReader({ engine: 'sqlite', file })
  try {
    const { ok, findings } = await verifyLedger(reader)
    if (ok) return
    const [first] = findings
    throw new CommandError(
      `No backup was kept, because the books are not true: ${first?.subject}: ${first?.detail}. Run kumbu verify-ledger.`,
    )
  } finally {
    await reader.close()
  }
}

/**
 * A process of its own takes each scheduled backup, so that copying a large file never holds a request up. The schedule
 * looks every hour whether the newest backup is old enough.
 */
export function scheduleBackups(
  jobs: Jobs,
  config: Config,
  folder: DataFolder,
  location: Location,
  { clock, log }: Runtime,
): void {
  if (config.backupHours === 0) return
  jobs.schedule({
    name: 'platform.backup',
    pattern: '41 * * * *',
    missed: 'run_once',
    run: async () => {
      const [newest] = listBackups(folder.backups)
      const ageMs = newest === undefined ? Number.POSITIVE_INFINITY : clock() - statSync(newest).mtimeMs
      // Some minutes of slack, or a daily backup would move an hour later each day.
      if (ageMs < config.backupHours * 3_600_000 - 600_000) return
      const child = Bun.spawn(
        [...selfCommand(), 'backup', '--data', folder.path, '--backup-keep', String(config.backupKeep)],
        {
          stdout: 'pipe',
          stderr: 'pipe',
          env: { ...process.env, ...(location.engine === 'postgres' ? { DATABASE_URL: location.url } : {}) },
        },
      )
      const [output, complaint] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
      ])
      if ((await child.exited) !== 0) throw new Error(`The backup failed: ${complaint.trim() || output.trim()}`)
      log.info({ backup: output.split('\n')[0] }, 'a backup was taken')
    },
  })
}

/** How this very program is started: the executable, or Bun with the entry file. */
function selfCommand(): string[] {
  return process.env.KUMBU_COMPILED === 'yes'
    ? [process.execPath]
    : [process.execPath, join(import.meta.dir, '../main.ts')]
}
