/**
 * A PostgreSQL server of our own, from the binaries on this machine, in a folder and on a port of its own. Tests may
 * stop it, start it and cut it off. It will not run as root, so a root runs it as the user `postgres`.
 */
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface PostgresServer {
  /** The address of its database `postgres`. */
  url: string
  port: number
  start(): void
  /** `immediate` is a crash. */
  stop(mode?: 'fast' | 'immediate'): void
  remove(): void
}

const ROOT = '/usr/lib/postgresql'
/** A database is some six hundred files: making one takes 15 ms in memory, and up to half a second on a disk. */
const IN_MEMORY = '/dev/shm'
const ROOM_NEEDED_BYTES = 2 * 1024 ** 3

/** The folder of the newest installed server’s programs; `undefined` if there is none. */
export function postgresPrograms(): string | undefined {
  if (!existsSync(ROOT)) return undefined
  const versions = readdirSync(ROOT)
    .filter((version) => existsSync(join(ROOT, version, 'bin/initdb')))
    .sort((a, b) => Number(b) - Number(a))
  return versions[0] === undefined ? undefined : join(ROOT, versions[0], 'bin')
}

export async function createPostgresServer(): Promise<PostgresServer> {
  const programs = postgresPrograms()
  if (programs === undefined) throw new Error('PostgreSQL is not installed (apt-get install postgresql).')
  const folder = mkdtempSync(join(parentFolder(), 'kumbu-pg-'))
  const data = join(folder, 'data')
  const port = await freePort()
  if (process.getuid?.() === 0) {
    chmodSync(folder, 0o755)
    must(['chown', 'postgres', folder])
  }
  as(`${programs}/initdb -D ${data} -A trust -U kumbu --no-sync --locale=C.UTF-8 --encoding=UTF8`)
  // What a test's server would lose with the power nobody misses.
  const start = () =>
    as(
      `${programs}/pg_ctl -D ${data} -w -l ${folder}/log -o "-p ${port} -k ${folder} -c max_connections=200 -c fsync=off -c full_page_writes=off -c listen_addresses=127.0.0.1" start`,
    )
  start()
  return {
    url: `postgres://kumbu@127.0.0.1:${port}/postgres`,
    port,
    start,
    stop: (mode = 'fast') => as(`${programs}/pg_ctl -D ${data} -w -m ${mode} stop`),
    remove() {
      try {
        as(`${programs}/pg_ctl -D ${data} -w -m immediate stop`)
      } catch {
        // It was stopped before.
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function parentFolder(): string {
  if (!existsSync(IN_MEMORY)) return tmpdir()
  const { bavail, bsize } = statfsSync(IN_MEMORY)
  return bavail * bsize >= ROOM_NEEDED_BYTES ? IN_MEMORY : tmpdir()
}

function as(command: string): void {
  must(process.getuid?.() === 0 ? ['su', 'postgres', '-c', command] : ['sh', '-c', command])
}

function must(command: string[]): void {
  const done = Bun.spawnSync(command, { stdout: 'ignore', stderr: 'pipe', cwd: '/tmp' })
  if (done.exitCode !== 0) throw new Error(`${command.at(-1)}: ${done.stderr.toString()}`)
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
