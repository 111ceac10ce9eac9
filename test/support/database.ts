/**
 * A fresh database for a test, on the engine of this run: a SQLite file in a folder of its own, or a new database on the
 * PostgreSQL server that `DATABASE_URL` names (the run’s, not the machine’s; see scripts/test.ts).
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { engine, type Location, migrate } from '../../src/platform/db'
import { connectPostgres } from '../../src/platform/db/postgres'

export interface TestDatabase {
  location: Location
  /** A folder that the test may write to. */
  folder: string
  drop(): Promise<void>
}

let made = 0

export async function freshDatabase(): Promise<TestDatabase> {
  const folder = mkdtempSync(join(tmpdir(), 'kumbu-test-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  if (engine === 'sqlite') {
    const location: Location = { engine, file: join(folder, 'kumbu.db') }
    await migrate(location, 0)
    return { location, folder, drop: async () => remove() }
  }
  const { url, drop } = await freshPostgres(process.env.DATABASE_URL as string)
  const location: Location = { engine, url, connections: 12 }
  await migrate(location, 0)
  return {
    location,
    folder,
    async drop() {
      await drop()
      remove()
    },
  }
}

/** A new, empty database on a server; `admin` is the address of any database on it. */
export async function freshPostgres(admin: string): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `kumbu_${process.pid}_${made++}_${Date.now()}`
  await administer(admin, `CREATE DATABASE ${name}`)
  const url = new URL(admin)
  url.pathname = `/${name}`
  return { url: url.href, drop: () => administer(admin, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) }
}

async function administer(url: string, statement: string): Promise<void> {
  const client = connectPostgres(url, 1)
  try {
    await client.unsafe(statement)
  } finally {
    await client.close()
  }
}
