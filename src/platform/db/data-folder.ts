/**
 * The data folder belongs to one process at a time. The lock is SQLite's own, on a small file beside the database: the
 * operating system gives it back when the process ends, however it ends, so no stale lock is ever left behind.
 */
import { Database } from 'bun:sqlite'
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export class DataFolderError extends Error {
  override name = 'DataFolderError'
}

export interface DataFolder {
  readonly path: string
  readonly databaseFile: string
  readonly backups: string
  unlock(): void
}

export function pathsOf(path: string): Omit<DataFolder, 'unlock'> {
  return { path, databaseFile: join(path, 'kumbu.db'), backups: join(path, 'backups') }
}

/** Creates the folder if need be and takes it for this process. Throws a `DataFolderError` that says what is wrong. */
export function lockDataFolder(path: string): DataFolder {
  prepareFolder(path)
  const owner = join(path, 'kumbu.pid')
  const lock = new Database(join(path, 'kumbu.lock'), { create: true, readwrite: true })
  try {
    lock.run('PRAGMA busy_timeout = 0')
    lock.run('PRAGMA locking_mode = EXCLUSIVE')
    lock.run('BEGIN EXCLUSIVE')
  } catch {
    lock.close()
    throw new DataFolderError(
      `The data folder ${path} is in use by another Kumbu${ownerOf(owner)}. ` +
        'Stop that one first, or give this one another folder with --data.',
    )
  }
  writeFileSync(owner, String(process.pid))
  return { ...pathsOf(path), unlock: () => lock.close() }
}

function prepareFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
    const probe = join(path, '.write-test')
    writeFileSync(probe, '')
    Bun.file(probe)
      .delete()
      .catch(() => undefined)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why =
      code === 'EROFS'
        ? 'it is on a read-only disk'
        : code === 'ENOSPC'
          ? 'the disk is full'
          : `${(error as Error).message}`
    throw new DataFolderError(
      `The data folder ${path} cannot be written to: ${why}. Give the user who runs Kumbu write access, or choose another folder with --data.`,
    )
  }
}

function ownerOf(file: string): string {
  try {
    return ` (process ${readFileSync(file, 'utf8').trim()})`
  } catch {
    return ''
  }
}
