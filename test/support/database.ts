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

/** Names of databases that a test is done with, and that hold nothing any more. */
const emptied: string[] = []
/** What `SHAPE` says of the template. */
let shape: string | undefined

const SHAPE = `select concat_ws(' ',
  (select count(*) from pg_attribute a join pg_class c on c.oid = a.attrelid where c.relnamespace = 'public'::regnamespace and not a.attisdropped),
  (select count(*) from pg_constraint where connamespace = 'public'::regnamespace),
  (select string_agg(tgname || tgenabled::text, ' ' order by tgname, tgrelid) from pg_trigger where not tgisinternal),
  (select string_agg(checksum, ' ' order by name) from schema_migrations)
) as shape`

/** Without the triggers, which protect some rows from being deleted. */
const EMPTY = `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid();
set session_replication_role = replica;
do $$ declare name text; filled boolean; begin
  for name in select tablename from pg_tables where schemaname = 'public' and tablename <> 'schema_migrations' loop
    execute format('select exists (select 1 from %I)', name) into filled;
    -- Deleted rows would still be in the way of transactions.
    if filled then execute format('truncate %I cascade', name); end if;
  end loop;
  perform setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false) from pg_sequences;
end $$`

/** `reused`: it may be one that another test was done with, which is as good for whoever makes many. */
export async function freshDatabase({ reused = false } = {}): Promise<TestDatabase> {
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
  const name = (reused ? emptied.pop() : undefined) ?? (await createDatabase(admin, await template))
  const url = addressOf(admin, name)
  return {
    location: { engine, url, connections: 12 },
    folder,
    async drop() {
      const again = reused ? await asGoodAsNew(admin, name).catch(() => undefined) : undefined
      if (again) emptied.push(again)
      else await dropDatabase(admin, name)
      remove()
    },
  }
}

/**
 * Empties a database, which takes a twentieth of making one; answers its new name, so that whatever a test has left
 * running cannot find it. None if a test has changed its tables, constraints or triggers.
 */
async function asGoodAsNew(admin: string, name: string): Promise<string | undefined> {
  const client = connectPostgres(addressOf(admin, name), 1)
  try {
    if ((await client.unsafe(SHAPE))[0].shape !== shape) return undefined
    await client.unsafe(EMPTY)
  } finally {
    await client.close()
  }
  const again = newName()
  await administer(admin, `ALTER DATABASE ${name} RENAME TO ${again}`)
  return again
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
  const url = addressOf(admin, name)
  await migrate({ engine: 'postgres', url, connections: 3 }, 0)
  const client = connectPostgres(url, 1)
  shape = (await client.unsafe(SHAPE))[0].shape
  await client.close()
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
