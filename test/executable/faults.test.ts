/**
 * What befalls a machine: the disk fills up or turns read-only, a file is damaged, a port is taken, the database server
 * goes away, somebody says stop. Kumbu says what is wrong in a sentence, keeps what it answered, and goes on by itself.
 */
import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { emptyFolder, type Running, runVerb, startServer } from '../support/executable'
import { createPostgresServer, type PostgresServer, postgresPrograms } from '../support/postgres-server'
import { until } from '../support/until'
import { type Answer, balanceOf, call, DEMO, get, post, signIn, statementOf } from './api'
import { createLoad, expectAlive, expectTrueBooks, gatherPeople, type Load } from './load'

const [CUSTOMER, CUSTOMER_2] = DEMO.customers
const UNLIMITED = ['--demo', '--rate-limit', '0']

/** One sentence for a person, beside what the log may have noted before, and never a stack of calls. */
function expectSentence({ code, err }: { code: number; err: string }, ...words: string[]): void {
  const said = err.replaceAll(/^\{.*\}\n/gm, '')
  expect({ code, said }).toEqual({ code: 2, said: expect.stringMatching(/^[A-Z][^\n]*\.\n$/) })
  for (const word of words) expect(said).toContain(word)
}

const serveOnce = (cwd: string, ...args: string[]) => runVerb(['serve', '--port', '0', ...args], { cwd })

const transfer = (base: string, token: string, to: string = CUSTOMER_2): Promise<Answer> =>
  post(base, '/api/v1/wallet/me/transfer', { to, amount: 1, pin: DEMO.pin }, token)

/** Makes a demo database in the folder, with some transfers in it, and leaves it closed. */
async function makeDatabase(cwd: string): Promise<string> {
  const server = await startServer({ cwd, args: UNLIMITED })
  const { accessToken } = await signIn(server.base, CUSTOMER)
  for (let i = 0; i < 40; i++) expect((await transfer(server.base, accessToken)).status).toBe(201)
  expect(await server.stop()).toBe(0)
  return join(cwd, 'data/demo/kumbu.db')
}

interface SmallDisk {
  path: string
  /** Leaves no room at all. */
  fill(): void
  free(): void
  readOnly(on: boolean): void
  remove(): void
}

function smallDisk(size: string): SmallDisk | undefined {
  const folder = emptyFolder()
  const mount = (...words: string[]) => Bun.spawnSync(['mount', ...words], { stdio: ['ignore', 'ignore', 'ignore'] })
  if (process.getuid?.() !== 0 || mount('-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder.path).exitCode !== 0) {
    folder.remove()
    return undefined
  }
  const filler = join(folder.path, 'filler')
  return {
    path: folder.path,
    fill() {
      const file = openSync(filler, 'a')
      try {
        for (const piece of [64 * 1024, 1]) {
          const bytes = Buffer.alloc(piece)
          for (;;) if (writeSync(file, bytes) < piece) break
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      } finally {
        closeSync(file)
      }
    },
    free: () => rmSync(filler, { force: true }),
    readOnly: (on) => void mount('-o', `remount,${on ? 'ro' : 'rw'}`, folder.path),
    remove() {
      Bun.spawnSync(['umount', '-l', folder.path])
      folder.remove()
    },
  }
}

const probe = smallDisk('1m')
probe?.remove()
const cannotMount = probe === undefined

describe.skipIf(cannotMount)('the disk is full', () => {
  let disk: SmallDisk
  let server: Running
  let load: Load
  let token: string

  beforeAll(async () => {
    // More than the write-ahead log grows to, so that it is full only when it is filled.
    disk = smallDisk('64m') as SmallDisk
    server = await startServer({ cwd: disk.path, args: UNLIMITED })
    load = createLoad(await gatherPeople(server.base, 2))
    await load.warmUp(server.base)
    token = (await signIn(server.base, CUSTOMER)).accessToken
  })
  afterAll(async () => {
    await server?.kill()
    disk?.remove()
  })

  test('requests that move money are refused as storage_full, and no other refusal is given', async () => {
    const running = load.start(server.base)
    disk.fill()
    await until(
      () => load.refusals.length,
      (refused) => refused > 50,
      20_000,
    )
    await running.stop()
    const kinds = new Set(load.refusals.map(({ status, code }) => `${status} ${code}`))
    expect([...kinds]).toEqual(['507 storage_full'])
    expectAlive(server)
  })

  test('reads go on, and it still says that it is ready', async () => {
    expect((await statementOf(server.base, token)).length).toBeGreaterThan(0)
    expect((await balanceOf(server.base, token)).balance).toBeGreaterThan(0)
    expect((await get(server.base, '/health')).status).toBe(200)
    expect((await get(server.base, '/ready')).status).toBe(200)
  })

  test('a start on the full disk says so in a sentence', async () => {
    const other = await serveOnce(disk.path, '--data', join(disk.path, 'another'))
    expectSentence(other, 'the disk is full')
  })

  test('it ends in order on the full disk too, and starts again once there is room', async () => {
    const code = await server.stop()
    disk.free()
    server = await startServer({ cwd: disk.path, args: UNLIMITED })
    await load.expectNothingLost(server.base)
    expect(code).toBe(0)
  })

  test('filled up again, it refuses again', async () => {
    disk.fill()
    const refused = await until(
      () => transfer(server.base, token),
      ({ status }) => status !== 201,
      30_000,
    )
    expect({ status: refused.status, code: refused.body.code }).toEqual({ status: 507, code: 'storage_full' })
    expect((await balanceOf(server.base, token)).balance).toBeGreaterThan(0)
  })

  test('once there is room again, requests succeed without a restart', async () => {
    disk.free()
    expect((await transfer(server.base, token)).status).toBe(201)
    const { accessToken } = await signIn(server.base, DEMO.agent)
    const cashIn = { to: CUSTOMER_2, amount: 10 }
    expect((await post(server.base, '/api/v1/agents/me/cash-in', cashIn, accessToken)).status).toBe(201)
  })

  test('nothing that was answered is lost, what was refused was not done, the books are true', async () => {
    await load.expectNothingLost(server.base)
    await load.settle(server.base)
    await load.expectNothingLost(server.base)
    await expectTrueBooks(disk.path, ['--demo'])
  })

  test('and so it is after a restart', async () => {
    expect(await server.stop()).toBe(0)
    server = await startServer({ cwd: disk.path, args: UNLIMITED })
    await load.expectNothingLost(server.base)
    await expectTrueBooks(disk.path, ['--demo'])
  })
})

describe.skipIf(cannotMount)('the data folder is read-only', () => {
  let disk: SmallDisk

  beforeAll(async () => {
    disk = smallDisk('6m') as SmallDisk
    await makeDatabase(disk.path)
  })
  afterAll(() => disk?.remove())

  test('a start says so in a sentence, and changes nothing', async () => {
    disk.readOnly(true)
    expectSentence(await serveOnce(disk.path, '--demo'), 'data/demo', 'read-only', '--data')
  })

  test('the doctor names it and ends with 1', async () => {
    const { code, out } = await runVerb(['doctor', '--demo'], { cwd: disk.path })
    expect(code).toBe(1)
    expect(out).toMatch(/^FAIL {2}.*data\/demo.*(read-only|cannot be written)/m)
  })

  test('once it can be written to, Kumbu starts as if nothing had been', async () => {
    disk.readOnly(false)
    const server = await startServer({ cwd: disk.path, args: UNLIMITED })
    const { accessToken } = await signIn(server.base, CUSTOMER)
    expect((await transfer(server.base, accessToken)).status).toBe(201)
    expect(await server.stop()).toBe(0)
  })
})

describe('the database file is damaged', () => {
  const folder = emptyFolder()
  let file: string
  let whole: Buffer
  let damaged: Buffer

  beforeAll(async () => {
    file = await makeDatabase(folder.path)
    whole = readFileSync(file)
    damaged = withPageOverwritten(file, 'entries')
  })
  afterAll(() => folder.remove())

  test('with a header of garbage it does not start, and says so in a sentence', async () => {
    writeFileSync(file, Buffer.concat([Buffer.alloc(100, 'garbage '), whole.subarray(100)]))
    expectSentence(await serveOnce(folder.path, '--demo'), 'database')
    // Nor does it write a new database over what may still be saved.
    expect(readFileSync(file).subarray(0, 100).toString()).toStartWith('garbage ')
  })

  test('the doctor names the damage and ends with 1', async () => {
    const { code, out } = await runVerb(['doctor', '--demo'], { cwd: folder.path })
    expect(code).toBe(1)
    expect(out).toMatch(/^FAIL {2}.*database/m)
  })

  test('verify-ledger and backup say so in a sentence', async () => {
    expectSentence(await runVerb(['verify-ledger', '--demo'], { cwd: folder.path }), 'database')
    expectSentence(await runVerb(['backup', '--demo'], { cwd: folder.path }), 'database')
  })

  test('a file cut short does not start either', async () => {
    writeFileSync(file, whole.subarray(0, whole.length / 2))
    const { code, out } = await runVerb(['doctor', '--demo'], { cwd: folder.path })
    expect(code).toBe(1)
    expect(out).toContain('FAIL')
  })

  test('with a page of the entries overwritten it serves what it can and refuses the rest with a clear problem', async () => {
    writeFileSync(file, damaged)
    const server = await startServer({ cwd: folder.path, args: UNLIMITED })
    try {
      const { accessToken } = await signIn(server.base, CUSTOMER)
      expect((await get(server.base, '/api/v1/auth/profile', accessToken)).status).toBe(200)
      for (let i = 0; i < 5; i++) {
        const statement = await get(server.base, '/api/v1/wallet/me/transactions', accessToken)
        expect({ status: statement.status, code: statement.body.code }).toEqual({
          status: 500,
          code: 'storage_corrupt',
        })
        const moved = await transfer(server.base, accessToken)
        expect({ status: moved.status, code: moved.body.code }).toEqual({ status: 500, code: 'storage_corrupt' })
      }
      expect((await balanceOf(server.base, accessToken)).balance).toBe(99_960)
      expectAlive(server)
      expect(server.output()).toContain('The database file is damaged')
      expect(server.output()).not.toContain('a bug was thrown')
    } finally {
      await server.stop()
    }
  })

  test('the doctor finds the overwritten page', async () => {
    writeFileSync(file, damaged)
    const { code, out } = await runVerb(['doctor', '--demo'], { cwd: folder.path })
    expect(code).toBe(1)
    expect(out).toMatch(/^FAIL {2}The database is damaged .*restore a backup/ms)
    expect(out).not.toContain('select')
  })

  test('a backup of it is refused, so that no good one is pruned for a bad one', async () => {
    const { code, out } = await runVerb(['backup', '--demo'], { cwd: folder.path })
    expect(code).not.toBe(0)
    expect(out).not.toContain('checked')
  })

  test('with the whole file put back all is well', async () => {
    for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true })
    writeFileSync(file, whole)
    await expectTrueBooks(folder.path, ['--demo'])
  })
})

/** What the file holds, with the first page of a table overwritten. */
function withPageOverwritten(file: string, table: string): Buffer {
  const db = new Database(file, { readwrite: true })
  const { page } = db.query('SELECT rootpage AS page FROM sqlite_master WHERE name = ?').get(table) as { page: number }
  const { size } = db.query('SELECT page_size AS size FROM pragma_page_size').get() as { size: number }
  db.close()
  return readFileSync(file).fill(0xa5, (page - 1) * size, page * size)
}

describe('the database is of a newer Kumbu', () => {
  const folder = emptyFolder()
  let file: string

  beforeAll(async () => {
    file = await makeDatabase(folder.path)
    const db = new Database(file)
    db.run("INSERT INTO schema_migrations VALUES ('9999_from_the_future', 'abc', 1)")
    db.close()
  })
  afterAll(() => folder.remove())

  test.each(['serve', 'migrate'])('%s does not touch it, and says which version to start', async (verb) => {
    const before = Bun.hash(readFileSync(file))
    const ended = await runVerb([verb, '--port', '0', '--demo'], { cwd: folder.path })
    expectSentence(ended, 'newer Kumbu', '9999_from_the_future')
    expect(Bun.hash(readFileSync(file))).toBe(before)
  })

  test('the doctor says the same', async () => {
    const { code, out } = await runVerb(['doctor', '--demo'], { cwd: folder.path })
    expect(code).toBe(1)
    expect(out).toMatch(/^FAIL {2}.*newer Kumbu/m)
  })
})

describe('what another process has already', () => {
  const folder = emptyFolder()
  let first: Running
  let token: string

  beforeAll(async () => {
    first = await startServer({ cwd: folder.path, args: UNLIMITED })
    token = (await signIn(first.base, CUSTOMER)).accessToken
  })
  afterAll(async () => {
    await first.kill()
    folder.remove()
  })

  async function expectFirstUnharmed(): Promise<void> {
    expectAlive(first)
    expect((await transfer(first.base, token)).status).toBe(201)
    await expectTrueBooks(folder.path, ['--demo'])
  }

  test.each(['serve', 'migrate', 'admin create --email other@example.com'])(
    '%s on a data folder in use says by whom, and leaves that one unharmed',
    async (line) => {
      const ended = await runVerb([...line.split(' '), '--port', '0', '--demo'], { cwd: folder.path })
      expectSentence(ended, 'in use by another Kumbu', `process ${first.process.pid}`, '--data')
      await expectFirstUnharmed()
    },
  )

  test('restore on a data folder in use is refused as well', async () => {
    const made = await runVerb(['backup', '--demo'], { cwd: folder.path })
    const [file = ''] = made.out.split(' ')
    expectSentence(await runVerb(['restore', file, '--demo'], { cwd: folder.path }), 'in use by another Kumbu')
    await expectFirstUnharmed()
  })

  test('a port that is taken is named, with what to do', async () => {
    const { port } = new URL(first.base)
    const other = emptyFolder()
    const ended = await runVerb(['serve', '--port', port], { cwd: other.path })
    expectSentence(ended, `Port ${port}`, '--port')
    other.remove()
    await expectFirstUnharmed()
  })

  test('a data folder whose process was killed is free at once', async () => {
    await first.kill()
    first = await startServer({ cwd: folder.path, args: UNLIMITED })
    await expectFirstUnharmed()
  })
})

describe('an end in order', () => {
  const folder = emptyFolder()
  let server: Running
  let load: Load

  beforeAll(async () => {
    server = await startServer({ cwd: folder.path, args: UNLIMITED })
    load = createLoad(await gatherPeople(server.base, 6))
  })
  afterAll(async () => {
    await server.kill()
    folder.remove()
  })

  test.each(['SIGTERM', 'SIGINT'] as const)(
    'on %s under load every request that was taken is answered',
    async (signal) => {
      await load.warmUp(server.base)
      const running = load.start(server.base)
      const before = load.answered().length
      await until(
        () => load.answered().length,
        (answered) => answered > before + 100,
      )
      const toldAt = Date.now()
      server.process.kill(signal)
      const code = await server.process.exited
      const tookMs = Date.now() - toldAt
      await running.stop()
      server = await startServer({ cwd: folder.path, args: UNLIMITED })
      expect({ code, refusals: load.refusals }).toEqual({ code: 0, refusals: [] })
      // A connection that was still waiting to be taken is reset; what became of its request is proved below.
      expect(load.cut.filter((how) => how !== 'ECONNRESET')).toEqual([])
      // Nothing was left to wait for once the last answer was given.
      expect(tookMs).toBeLessThan(3_000)
    },
  )

  test('after the restart what was answered is there, and nothing that was not', async () => {
    await load.expectNothingLost(server.base)
    await load.expectNothingElse(server.base)
    await expectTrueBooks(folder.path, ['--demo'])
  })

  test('an idle one ends at once', async () => {
    await get(server.base, '/health')
    const toldAt = Date.now()
    expect(await server.stop()).toBe(0)
    expect(Date.now() - toldAt).toBeLessThan(2_000)
  })

  test('a client that keeps its connection open and says nothing does not hold up the end', async () => {
    server = await startServer({ cwd: folder.path, args: UNLIMITED })
    const silent = await Bun.connect({
      hostname: '127.0.0.1',
      port: Number(new URL(server.base).port),
      socket: { data() {} },
    })
    silent.write('POST /api/v1/auth/login HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{')
    await get(server.base, '/health')
    const toldAt = Date.now()
    expect(await server.stop()).toBe(0)
    expect(Date.now() - toldAt).toBeLessThan(12_000)
    silent.end()
  })
})

describe.skipIf(postgresPrograms() === undefined)('the PostgreSQL server goes away', () => {
  const OUTAGE_MS = 5_000
  const folder = emptyFolder()
  let postgres: PostgresServer
  let server: Running
  let load: Load
  let args: string[]

  beforeAll(async () => {
    postgres = await createPostgresServer()
    args = [...UNLIMITED, '--database-url', postgres.url]
    server = await startServer({ cwd: folder.path, args })
    load = createLoad(await gatherPeople(server.base, 6))
    await load.warmUp(server.base)
  })
  afterAll(async () => {
    await server?.kill()
    postgres.remove()
    folder.remove()
  })

  test('while it is away requests are refused as database_unavailable, and Kumbu says it is not ready', async () => {
    const running = load.start(server.base)
    await until(
      () => load.answered().length,
      (answered) => answered > 100,
    )
    postgres.stop('immediate')
    const goneAt = Date.now()
    const ready = await until(
      () => get(server.base, '/ready'),
      ({ status }) => status === 503,
    )
    expect(ready.body).toMatchObject({ ready: false })
    expect(ready.body.dependencies).toContainEqual(expect.objectContaining({ name: 'database', state: 'down' }))
    expect((await get(server.base, '/health')).status).toBe(200)
    await until(
      () => load.refusals.length,
      (refused) => refused > 0 && Date.now() - goneAt > OUTAGE_MS,
      30_000,
    )
    const before = load.answered().length
    postgres.start()
    await until(
      () => load.answered().length,
      (answered) => answered > before + 100,
      20_000,
    )
    await running.stop()
    // Few wallets and many workers: some lose the race for a row too often, outage or not.
    const outage = load.refusals.filter(({ code }) => code !== 'database_busy')
    const kinds = new Set(outage.map(({ status, code }) => `${status} ${code}`))
    expect([...kinds]).toEqual(['503 database_unavailable'])
    expect(load.cut).toEqual([])
    expectAlive(server)
  })

  test('once it is back everything works without a restart', async () => {
    const ready = await until(
      () => get(server.base, '/ready'),
      ({ status }) => status === 200,
    )
    expect(ready.body).toMatchObject({ ready: true })
    const { accessToken } = await signIn(server.base, CUSTOMER)
    const wish = { amount: 100, pin: DEMO.pin }
    expect((await post(server.base, '/api/v1/atm/withdrawal-request', wish, accessToken)).status).toBe(201)
    expect((await statementOf(server.base, accessToken)).length).toBeGreaterThan(0)
  })

  test('no answered transfer was lost or doubled, the others happened at most once, the books are true', async () => {
    await load.expectNothingLost(server.base)
    await load.settle(server.base)
    await load.expectNothingElse(server.base)
    await expectTrueBooks(folder.path, args)
  })

  test('messages that were due meanwhile were sent after it', async () => {
    const operator = await signIn(server.base, DEMO.operator)
    await until(
      async () => (await call(server.base, 'GET', '/metrics')).body as string,
      (metrics) => /kumbu_work_waiting\{state="waiting"\} 0$/m.test(metrics),
      30_000,
    )
    const dead = await get(server.base, '/api/v1/work/dead', operator.accessToken)
    expect({ status: dead.status, items: dead.body.items }).toEqual({ status: 200, items: [] })
  })

  test('a start while it is away says so in a sentence, and so does every verb', async () => {
    await server.stop()
    postgres.stop('immediate')
    for (const verb of ['serve', 'migrate', 'verify-ledger', 'backup']) {
      const ended = await runVerb([verb, '--port', '0', '--database-url', postgres.url], { cwd: folder.path })
      expectSentence(ended, 'database')
    }
    const { code, out } = await runVerb(['doctor', '--database-url', postgres.url], { cwd: folder.path })
    expect(code).toBe(1)
    expect(out).toMatch(/^FAIL {2}.*database cannot be reached/im)
    expect(out).not.toContain('select')
  })

  test('a port that is taken ends it although the database is there', async () => {
    postgres.start()
    const first = await startServer({ cwd: folder.path, args })
    const other = emptyFolder()
    const key = readFileSync(join(folder.path, 'data/demo/instance.key'))
    mkdirSync(join(other.path, 'data/demo'), { recursive: true })
    writeFileSync(join(other.path, 'data/demo/instance.key'), key, { mode: 0o600 })
    const { port } = new URL(first.base)
    expectSentence(await runVerb(['serve', ...args, '--port', port], { cwd: other.path }), `Port ${port}`)
    other.remove()
    await first.stop()
  })
})
