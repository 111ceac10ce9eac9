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

/** Whoever drops what `lockDataFolder` answers keeps the folder all the same: a lock that is collected would be given back. */
const held = new Set<Database>()

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
  } catch (error) {
    lock.close()
    if (!(error as { code?: string }).code?.startsWith('SQLITE_BUSY')) throw unusable(path, error)
    throw new DataFolderError(
      `The data folder ${path} is in use by another Kumbu${ownerOf(owner)}. ` +
        'Stop that one first, or give this one another folder with --data.',
    )
  }
  try {
    writeFileSync(owner, String(process.pid))
  } catch (error) {
    lock.close()
    throw unusable(path, error)
  }
  held.add(lock)
  const unlock = () => {
    held.delete(lock)
    lock.close()
  }
  return { ...pathsOf(path), unlock }
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
    throw unusable(path, error)
  }
}

function unusable(path: string, error: unknown): DataFolderError {
  const { code = '', message } = error as { code?: string; message: string }
  const full = code === 'ENOSPC' || code === 'SQLITE_FULL'
  const why = code === 'EROFS' ? 'it is on a read-only disk' : full ? 'the disk is full' : message
  const help = full ? 'Make room' : 'Give the user who runs Kumbu write access'
  return new DataFolderError(
    `The data folder ${path} cannot be written to: ${why}. ${help}, or choose another folder with --data.`,
  )
}

function ownerOf(file: string): string {
  try {
    return ` (process ${readFileSync(file, 'utf8').trim()})`
  } catch {
    return ''
  }
}
