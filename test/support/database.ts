/**
 * A fresh database for a test, on the engine of this run: a SQLite file in a folder of its own, or a new database on the
 * PostgreSQL server that `DATABASE_URL` names (the run’s, not the machine’s; see scripts/test.ts).
 */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
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
/** A database with every table and no row, of which each fresh one is a copy: migrating takes longer than most tests. */
let template: Promise<string> | undefined

export async function freshDatabase(): Promise<TestDatabase> {
  const folder = mkdtempSync(join(tmpdir(), 'kumbu-test-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  if (engine === 'sqlite') {
    template ??= sqliteTemplate()
    const location: Location = { engine, file: join(folder, 'kumbu.db') }
    copyFileSync(await template, location.file)
    return { location, folder, drop: async () => remove() }
  }
  const admin = process.env.DATABASE_URL as string
  template ??= postgresTemplate(admin)
  const name = await createDatabase(admin, await template)
  const url = addressOf(admin, name)
  return {
    location: { engine, url, connections: 12 },
    folder,
    async drop() {
      await dropDatabase(admin, name)
      remove()
    },
  }
}

async function sqliteTemplate(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'kumbu-template-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'kumbu.db')
  await migrate({ engine: 'sqlite', file }, 0)
  return file
}

async function postgresTemplate(admin: string): Promise<string> {
  const name = await createDatabase(admin)
  await migrate({ engine: 'postgres', url: addressOf(admin, name), connections: 3 }, 0)
  return name
}

/** A new, empty database on a server; `admin` is the address of any database on it. */
export async function freshPostgres(admin: string): Promise<{ url: string; drop(): Promise<void> }> {
  const name = await createDatabase(admin)
  return { url: addressOf(admin, name), drop: () => dropDatabase(admin, name) }
}

async function createDatabase(admin: string, copyOf?: string): Promise<string> {
  const name = newName()
  await administer(admin, `CREATE DATABASE ${name}${copyOf === undefined ? '' : ` TEMPLATE ${copyOf}`}`)
  return name
}

const dropDatabase = (admin: string, name: string) => administer(admin, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)

const newName = () => `kumbu_${process.pid}_${made++}_${Date.now()}`

function addressOf(admin: string, name: string): string {
  const url = new URL(admin)
  url.pathname = `/${name}`
  return url.href
}

async function administer(url: string, statement: string): Promise<void> {
  const client = connectPostgres(url, 1)
  try {
    await client.unsafe(statement)
  } finally {
    await client.close()
  }
}
