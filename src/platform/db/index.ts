/** The database, as the rest of Kumbu sees it. */
import { existsSync } from 'node:fs'
import { type MigrationReport, migratePostgres, migrateSqlite } from './migrate'
import { asPostgresStoreError, createPostgresStore } from './postgres'
import { asSqliteStoreError, createSqliteStore, openSqliteReader } from './sqlite'
import { type Reader, type Store, StoreError, type StoreObserver, silentObserver } from './store'

export { type DataFolder, DataFolderError, lockDataFolder, pathsOf } from './data-folder'
export { engine } from './engine'
export { MigrationError, type MigrationReport } from './migrate'
export { type Changes, prepared, preparedWrite } from './prepared'
export {
  type Db,
  type Reader,
  type Store,
  StoreError,
  type StoreErrorCode,
  type StoreObserver,
  type Tx,
  type Unit,
} from './store'

/** Where the database is: a file, or the address of a PostgreSQL server. */
export type Location = { engine: 'sqlite'; file: string } | { engine: 'postgres'; url: string; connections: number }

export interface OpenOptions {
  observer?: StoreObserver
  strictUnits: boolean
}

export function migrate(location: Location, now: number): Promise<MigrationReport> | MigrationReport {
  return location.engine === 'sqlite' ? migrateSqlite(location.file, now) : migratePostgres(location.url, now)
}

export function openStore(location: Location, { observer = silentObserver, strictUnits }: OpenOptions): Store {
  if (location.engine === 'postgres') {
    const readers = Math.max(2, Math.ceil(location.connections / 4))
    return createPostgresStore({
      url: location.url,
      observer,
      writers: Math.max(1, location.connections - readers),
      readers,
    })
  }
  if (!existsSync(location.file)) throw new StoreError('storage_failed', `There is no database at ${location.file}.`)
  return createSqliteStore({ file: location.file, observer, strictUnits })
}

/** Opens the database to look into it only; the instance may be serving meanwhile. */
export function openReader(location: Location): Reader & { close(): void | Promise<void> } {
  if (location.engine === 'postgres')
    return createPostgresStore({ ...location, observer: silentObserver, writers: 1, readers: 1 })
  if (!existsSync(location.file)) throw new StoreError('storage_failed', `There is no database at ${location.file}.`)
  return openSqliteReader(location.file)
}

/** Whether an error is the database's own (full disk, lost server, damaged file) and no bug; `undefined` if it is not. */
export function storeErrorOf(error: unknown): StoreError | undefined {
  if (error instanceof StoreError) return error
  for (const translate of [asSqliteStoreError, asPostgresStoreError]) {
    const translated = translate(error)
    if (translated instanceof StoreError) return translated
  }
  return undefined
}
