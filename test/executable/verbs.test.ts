/** Every verb of the executable as an operator types it: what it prints, what it ends with, what it says when it cannot. */
import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { emptyFolder, type Running, runVerb, startServer } from '../support/executable'
import { createPostgresServer, type PostgresServer, postgresPrograms } from '../support/postgres-server'
import { balanceOf, DEMO, get, post, signIn } from './api'
import { expectTrueBooks } from './load'

const [CUSTOMER, CUSTOMER_2] = DEMO.customers
const VERBS = [
  'serve',
  'migrate',
  'backup',
  'restore',
  'doctor',
  'jobs',
  'verify-ledger',
  'openapi',
  'admin',
  'version',
  'healthcheck',
]
/** One line for a person, and no stack of calls. */
const SENTENCE = /^\S[^\n]* [^\n]*\n$/

const anywhere = emptyFolder()
const run = (words: string[], cwd = anywhere.path, env: Record<string, string> = {}) => runVerb(words, { cwd, env })

afterAll(() => anywhere.remove())

/** A demo instance that served a while and was stopped; answers the balances of the two customers. */
async function demoIn(cwd: string): Promise<number[]> {
  const server = await startServer({ cwd, args: ['--demo'] })
  try {
    const { accessToken } = await signIn(server.base, CUSTOMER)
    const gift = { to: CUSTOMER_2, amount: 1234, pin: DEMO.pin }
    expect((await post(server.base, '/api/v1/wallet/me/transfer', gift, accessToken)).status).toBe(201)
    return await balancesAt(server.base)
  } finally {
    await server.stop()
  }
}

async function balancesAt(base: string): Promise<number[]> {
  const balances: number[] = []
  for (const email of DEMO.customers) {
    const { accessToken } = await signIn(base, email)
    balances.push((await balanceOf(base, accessToken)).balance)
  }
  return balances
}

describe('help', () => {
  test.each([[], ['help'], ['--help'], ['-h']])('an overview of all verbs (%p)', async (...words: string[]) => {
    const { code, out } = await run(words)
    expect(code).toBe(0)
    for (const verb of VERBS) expect(out).toMatch(new RegExp(`^  ${verb} +[A-Z]`, 'm'))
  })

  test.each(VERBS)('%s --help tells how it is called and every setting with its default', async (verb) => {
    const { code, out, err } = await run([verb, '--help'])
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toStartWith(`Usage: kumbu ${verb}`)
    for (const setting of ['--port, KUMBU_PORT (3000)', '--database-url, DATABASE_URL', '--data, KUMBU_DATA (./data)'])
      expect(out).toContain(setting)
    expect(readdirSync(anywhere.path)).toEqual([])
  })

  test('the version says which Kumbu, on what', async () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dir, '../../package.json'), 'utf8'))
    for (const words of [['version'], ['--version'], ['-v']]) {
      const { code, out } = await run(words)
      expect({ code, out }).toEqual({ code: 0, out: expect.stringMatching(/^kumbu \d+\.\d+\.\d+ \(bun .+\)\n$/) })
      expect(out).toContain(version)
    }
  })
})

describe('what cannot be done is said in a sentence, with exit code 2', () => {
  test.each([
    [['fly'], 'There is no "fly"', 'serve'],
    [['serve', '--fly'], '--fly', 'kumbu serve --help'],
    [['doctor', '--port'], '--port', 'kumbu doctor --help'],
    [['serve', '--port', '70000'], '--port', 'a whole number from 0 to 65535'],
    [['serve', '--port', 'http'], '--port', 'a whole number from 0 to 65535'],
    [['serve', '--port', '-1'], '--port', ''],
    [['serve', '--mode', 'test'], '--mode', 'production, development, demo'],
    [['serve', '--currency', 'usd'], '--currency', 'ISO 4217'],
    [['serve', '--currency', 'XYZ'], '--currency', 'ISO 4217'],
    [['serve', '--database-url', 'mysql://localhost/kumbu'], '--database-url', 'postgres://'],
    [['serve', '--database-url', 'kumbu.db'], '--database-url', 'postgres://'],
    [['serve', '--smtp-url', 'mail.example.com'], '--smtp-url', 'smtp:// or smtps://'],
    [['serve', '--mail-from', 'nobody'], '--mail-from', 'a mail address'],
    [['serve', '--public-url', 'example.com'], '--public-url', 'http:// or https://'],
    [['serve', '--rate-limit', 'many'], '--rate-limit', 'a whole number from 0'],
    [['serve', '--withdrawal-ttl', '0'], '--withdrawal-ttl', 'a whole number from 1'],
    [['serve', '--withdrawal-fee-bps', '10001'], '--withdrawal-fee-bps', 'from 0 to 10000'],
    [['serve', '--backup-keep', '0'], '--backup-keep', 'a whole number from 1'],
    [['serve', '--log-level', 'loud'], '--log-level', 'debug, info, warn, error, silent'],
    [['serve', '--cors-origins', 'https://a.example,b.example'], '--cors-origins', 'http:// or https://'],
    [['serve', '--instance-key', 'short'], 'KUMBU_INSTANCE_KEY', '32 bytes in base64url'],
    [['serve', '--host', '203.0.113.7', '--port', '0'], '203.0.113.7', '--host'],
    [['restore'], 'kumbu restore <file>', ''],
    [['restore', 'nowhere.db'], 'nowhere.db', ''],
    [['backup', '--data', 'nowhere'], 'nowhere', ''],
    [['verify-ledger', '--data', 'nowhere'], 'nowhere', ''],
    [['jobs', '--data', 'nowhere'], 'nowhere', ''],
    [['admin'], 'kumbu admin create', 'kumbu admin reset'],
    [['admin', 'create'], '--email', ''],
    [['admin', 'create', '--email', 'nobody'], '--email', ''],
    [['admin', 'create', '--email', 'a@example.com', '--password', 'short'], 'password', '8 to 128'],
  ])('%p', async (words, subject, allowed) => {
    const place = emptyFolder()
    const { code, err } = await run(words, place.path)
    place.remove()
    const said = err.replaceAll(/^\{.*\}\n/gm, '')
    expect({ code, said }).toEqual({ code: 2, said: expect.stringMatching(SENTENCE) })
    expect(said).toContain(subject)
    expect(said).toContain(allowed)
  })

  test.each([
    ['KUMBU_PORT', '70000', 'a whole number from 0 to 65535'],
    ['KUMBU_CURRENCY', 'usd', 'ISO 4217'],
    ['DATABASE_URL', 'mysql://localhost/kumbu', 'postgres://'],
    ['KUMBU_SMTP_URL', 'mail.example.com', 'smtp:// or smtps://'],
    ['KUMBU_DEMO', 'perhaps', 'true or false'],
    ['KUMBU_SMTP_URL_FILE', '/nowhere/secret', 'cannot be read'],
  ])('from the environment: %s=%s', async (name, value, allowed) => {
    const { code, err } = await run(['serve'], anywhere.path, { [name]: value })
    expect({ code, err }).toEqual({ code: 2, err: expect.stringMatching(SENTENCE) })
    expect(err).toStartWith(`${name}:`)
    expect(err).toContain(allowed)
  })

  test('a secret that is not allowed is not repeated', async () => {
    for (const words of [
      ['serve', '--smtp-url', 'http://user:s3cret@mail.example.com'],
      ['serve', '--database-url', 'mysql://user:s3cret@localhost/kumbu'],
    ]) {
      const { code, err } = await run(words)
      expect(code).toBe(2)
      expect(err).not.toContain('s3cret')
    }
  })

  test('nothing was made by any of it', () => {
    expect(readdirSync(anywhere.path)).toEqual([])
  })
})

describe('openapi', () => {
  test('prints the document as JSON, without a database', async () => {
    const { code, out, err } = await run(['openapi'])
    expect({ code, err }).toEqual({ code: 0, err: '' })
    const document = JSON.parse(out)
    expect(document.openapi).toStartWith('3.1')
    for (const path of [
      '/api/v1/auth/login',
      '/api/v1/wallet/{userId}/transfer',
      '/api/v1/atm/validate-token',
      '/health',
    ])
      expect(Object.keys(document.paths)).toContain(path)
    expect(Object.keys(document.paths)).not.toContain('/dev/inbox')
    expect(readdirSync(anywhere.path)).toEqual([])
  })
})

describe('migrate', () => {
  const folder = emptyFolder()
  afterAll(() => folder.remove())

  test('makes the database, and the second time finds it up to date', async () => {
    const first = await run(['migrate'], folder.path)
    expect({ code: first.code, out: first.out }).toEqual({ code: 0, out: expect.stringMatching(/^Applied: 0000_/) })
    const second = await run(['migrate'], folder.path)
    expect({ code: second.code, out: second.out }).toEqual({ code: 0, out: 'The database is up to date.\n' })
  })
})

describe('healthcheck', () => {
  const folder = emptyFolder()
  let server: Running

  beforeAll(async () => {
    server = await startServer({ cwd: folder.path })
  })
  afterAll(async () => {
    await server.kill()
    folder.remove()
  })

  test('ends with 0 while it can serve, and with 1 when nothing answers', async () => {
    const { port } = new URL(server.base)
    const well = await run(['healthcheck', '--port', port])
    expect(well.code).toBe(0)
    expect(JSON.parse(well.out)).toMatchObject({ ready: true })
    await server.stop()
    const gone = await run(['healthcheck', '--port', port])
    expect(gone.code).toBe(1)
    expect(gone.err).toContain(`:${port}/ready`)
  })
})

describe('doctor', () => {
  const folder = emptyFolder()
  afterAll(() => folder.remove())

  test('an empty folder is told apart from a broken one', async () => {
    const { code, out } = await run(['doctor'], folder.path)
    expect(code).toBe(1)
    expect(out).toMatch(/^FAIL {2}The data folder \.\/data is not there/m)
  })

  test('after a first start all is well, and every line begins with its state', async () => {
    await demoIn(folder.path)
    expect((await run(['backup', '--demo'], folder.path)).code).toBe(0)
    const { code, out } = await run(['doctor', '--demo'], folder.path)
    expect(code).toBe(0)
    expect(out).not.toContain('FAIL')
    for (const line of out.trimEnd().split('\n')) expect(line).toMatch(/^(ok|warn) +\S/)
    expect(out).toMatch(/^ok +the books of \d+ transfers are true$/m)
  })

  test('also while it serves', async () => {
    const server = await startServer({ cwd: folder.path, args: ['--demo'] })
    const { code, out } = await run(['doctor', '--demo'], folder.path)
    await server.stop()
    expect({ code, broken: out.includes('FAIL') }).toEqual({ code: 0, broken: false })
  })

  test('a mail server that does not answer is named', async () => {
    const { code, out } = await run(['doctor', '--demo', '--smtp-url', 'smtp://127.0.0.1:1'], folder.path)
    expect(code).toBe(1)
    expect(out).toMatch(/^FAIL {2}email by smtp does not answer/m)
  })

  test('a key that others can read is named, with what to do', async () => {
    const key = join(folder.path, 'data/demo/instance.key')
    Bun.spawnSync(['chmod', '644', key])
    const { code, out } = await run(['doctor', '--demo'], folder.path)
    Bun.spawnSync(['chmod', '600', key])
    expect(code).toBe(1)
    expect(out).toMatch(/^FAIL {2}Others can read the instance key: chmod 600/m)
  })
})

describe('verify-ledger', () => {
  const folder = emptyFolder()
  let file: string

  beforeAll(async () => {
    await demoIn(folder.path)
    file = join(folder.path, 'data/demo/kumbu.db')
  })
  afterAll(() => folder.remove())

  test('true books: one line, exit code 0, and as JSON', async () => {
    await expectTrueBooks(folder.path, ['--demo'])
    const { code, out } = await run(['verify-ledger', '--demo', '--json'], folder.path)
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      ok: true,
      findings: [],
      totals: [{ currency: 'USD', issued: 1_200_000, trust: 1_200_000 }],
    })
  })

  test('a balance that was changed behind its back: the account is named, exit code 1', async () => {
    const db = new Database(file)
    const { id, balance } = db
      .query("SELECT id, balance FROM accounts WHERE kind = 'customer' ORDER BY balance LIMIT 1")
      .get() as { id: string; balance: number }
    db.run('UPDATE accounts SET balance = balance + 1000000 WHERE id = ?', [id])
    const { code, out } = await run(['verify-ledger', '--demo'], folder.path)
    expect(code).toBe(1)
    expect(out).toContain(`WRONG  ${id}: the balance is ${balance + 1_000_000}, its entries sum to ${balance}`)
    db.run('UPDATE accounts SET balance = ? WHERE id = ?', [balance, id])
    db.close()
    await expectTrueBooks(folder.path, ['--demo'])
  })

  test('an entry that was rewritten after its guard was taken away: the transfer and the guard are named', async () => {
    const db = new Database(file)
    const { sql } = db.query("SELECT sql FROM sqlite_master WHERE name = 'entries_no_update'").get() as { sql: string }
    const { id } = db
      .query('SELECT transfer_id AS id FROM entries WHERE amount > 0 ORDER BY transfer_id DESC LIMIT 1')
      .get() as { id: string }
    expect(() => db.run('UPDATE entries SET amount = amount + 1 WHERE transfer_id = ?', [id])).toThrow('append_only')
    db.run('DROP TRIGGER entries_no_update')
    db.run('UPDATE entries SET amount = amount + 1 WHERE transfer_id = ? AND amount > 0', [id])
    const { code, out } = await run(['verify-ledger', '--demo'], folder.path)
    expect(code).toBe(1)
    expect(out).toContain(`WRONG  ${id}: the entries in USD sum to 1`)
    expect(out).toContain('WRONG  entries_no_update: this trigger or rule is missing or switched off')
    db.run('UPDATE entries SET amount = amount - 1 WHERE transfer_id = ? AND amount > 0', [id])
    db.run(sql)
    db.close()
    await expectTrueBooks(folder.path, ['--demo'])
  })

  test('the doctor and a backup see it too', async () => {
    const db = new Database(file)
    const { id } = db.query("SELECT id FROM accounts WHERE kind = 'customer' LIMIT 1").get() as { id: string }
    db.run('UPDATE accounts SET balance = balance + 1 WHERE id = ?', [id])
    db.close()
    const doctor = await run(['doctor', '--demo'], folder.path)
    expect(doctor.code).toBe(1)
    expect(doctor.out).toMatch(new RegExp(`^FAIL {2}${id}: the balance is`, 'm'))
    const backup = await run(['backup', '--demo'], folder.path)
    expect(backup.code).toBe(2)
    expect(backup.err).toContain(id)
  })
})

describe('backup and restore', () => {
  const folder = emptyFolder()
  const other = emptyFolder()
  let balances: number[]
  let backup: string

  beforeAll(async () => {
    balances = await demoIn(folder.path)
  })
  afterAll(() => {
    folder.remove()
    other.remove()
  })

  test('a backup is taken while it serves, checked, and only its owner can read it', async () => {
    const server = await startServer({ cwd: folder.path, args: ['--demo'] })
    const { code, out } = await run(['backup', '--demo'], folder.path)
    expect(await balancesAt(server.base)).toEqual(balances)
    await server.stop()
    expect(code).toBe(0)
    const [, file = ''] = /^(\S+) \(\d+ bytes, checked, the books are true\)$/m.exec(out) ?? []
    backup = join(folder.path, file)
    expect(statSync(backup).mode & 0o077).toBe(0)
    expect(readdirSync(dirname(backup)).filter((name) => name.endsWith('.part'))).toEqual([])
  })

  test('only the newest are kept', async () => {
    const to = join(other.path, 'kept')
    for (let i = 0; i < 4; i++) {
      const { code } = await run(['backup', '--demo', '--to', to, '--backup-keep', '2'], folder.path)
      expect(code).toBe(0)
    }
    expect(readdirSync(to)).toHaveLength(2)
  })

  test('restored without the instance key it does not start, and says which file is missing', async () => {
    const restored = await run(['restore', backup, '--data', 'place'], other.path)
    expect({ code: restored.code, err: restored.err }).toEqual({ code: 0, err: '' })
    const { code, err } = await run(['serve', '--port', '0', '--data', 'place'], other.path)
    expect({ code, err }).toEqual({ code: 2, err: expect.stringMatching(SENTENCE) })
    expect(err).toContain('place/instance.key is missing')
    expect(existsSync(join(other.path, 'place/instance.key'))).toBe(false)
  })

  test('with another key neither', async () => {
    const key = Buffer.alloc(32, 9).toString('base64url')
    writeFileSync(join(other.path, 'place/instance.key'), key, { mode: 0o600 })
    const { code, err } = await run(['serve', '--port', '0', '--data', 'place'], other.path)
    expect(code).toBe(2)
    expect(err).toContain('The instance key is not the one that this database was made with')
  })

  test('with its key it serves, with the same balances, PINs and books', async () => {
    copyFileSync(join(folder.path, 'data/demo/instance.key'), join(other.path, 'place/instance.key'))
    const server = await startServer({ cwd: other.path, args: ['--data', 'place'] })
    try {
      expect(await balancesAt(server.base)).toEqual(balances)
      const { accessToken } = await signIn(server.base, CUSTOMER)
      const gift = { to: CUSTOMER_2, amount: 1, pin: DEMO.pin }
      expect((await post(server.base, '/api/v1/wallet/me/transfer', gift, accessToken)).status).toBe(201)
      await expectTrueBooks(other.path, ['--data', 'place'])
    } finally {
      await server.stop()
    }
  })

  test('restoring over a database keeps that one aside, and it can be put back', async () => {
    const restored = await run(['restore', backup, '--data', 'place'], other.path)
    const [, aside = ''] = /^The database as it was before: (\S+)$/m.exec(restored.out) ?? []
    expect(restored.code).toBe(0)
    const back = await run(['restore', aside, '--data', 'place'], other.path)
    expect(back.code).toBe(0)
    const server = await startServer({ cwd: other.path, args: ['--data', 'place'] })
    const [first = 0] = balances
    expect((await balancesAt(server.base))[0]).toBe(first - 1)
    await server.stop()
  })

  test('what is no backup is refused, and the database stays as it was', async () => {
    const stranger = join(other.path, 'stranger.db')
    for (const content of ['not a database', '']) {
      writeFileSync(stranger, content)
      const { code, err } = await run(['restore', stranger, '--data', 'place'], other.path)
      expect({ code, err }).toEqual({ code: 2, err: expect.stringMatching(SENTENCE) })
      expect(err).toContain('stranger.db')
    }
    const damaged = readFileSync(backup)
    writeFileSync(stranger, damaged.subarray(0, damaged.length / 2))
    expect((await run(['restore', stranger, '--data', 'place'], other.path)).code).toBe(2)
    await expectTrueBooks(other.path, ['--data', 'place'])
  })
})

describe.skipIf(postgresPrograms() === undefined)('from one machine to PostgreSQL and back', () => {
  const folder = emptyFolder()
  const other = emptyFolder()
  let postgres: PostgresServer

  beforeAll(async () => {
    postgres = await createPostgresServer()
  })
  afterAll(() => {
    postgres.remove()
    folder.remove()
    other.remove()
  })

  test('a backup of SQLite is restored to an empty PostgreSQL database, serves there, and comes back', async () => {
    const balances = await demoIn(folder.path)
    const [file = ''] = (await run(['backup', '--demo'], folder.path)).out.split(' ')
    const onPostgres = ['--demo', '--database-url', postgres.url]
    expect((await run(['restore', file, ...onPostgres], folder.path)).code).toBe(0)
    const server = await startServer({ cwd: folder.path, args: onPostgres })
    expect(await balancesAt(server.base)).toEqual(balances)
    await expectTrueBooks(folder.path, onPostgres)
    const [back = ''] = (await run(['backup', ...onPostgres], folder.path)).out.split(' ')
    await server.stop()

    mkdirSync(join(other.path, 'data/demo'), { recursive: true, mode: 0o700 })
    copyFileSync(join(folder.path, 'data/demo/instance.key'), join(other.path, 'data/demo/instance.key'))
    expect((await run(['restore', join(folder.path, back), '--demo'], other.path)).code).toBe(0)
    const again = await startServer({ cwd: other.path, args: ['--demo'] })
    expect(await balancesAt(again.base)).toEqual(balances)
    await expectTrueBooks(other.path, ['--demo'])
    await again.stop()
  })

  test('a PostgreSQL database that is not empty is not restored into', async () => {
    const [file = ''] = (await run(['backup', '--demo'], folder.path)).out.split(' ')
    const { code, err } = await run(['restore', file, '--demo', '--database-url', postgres.url], folder.path)
    expect(code).toBe(2)
    expect(err).toContain('is not empty')
  })

  test('the doctor finds PostgreSQL well', async () => {
    const { code, out } = await run(['doctor', '--demo', '--database-url', postgres.url], folder.path)
    expect(code).toBe(0)
    expect(out).toMatch(/^ok +PostgreSQL \d+/m)
  })
})

describe('admin', () => {
  const folder = emptyFolder()
  const email = 'olga@example.com'
  afterAll(() => folder.remove())

  async function canSignIn(password: string): Promise<number> {
    const server = await startServer({ cwd: folder.path })
    try {
      expect(server.output()).not.toContain('/setup?token=')
      const { status, body } = await post(server.base, '/api/v1/auth/login', { email, password })
      if (status === 200) {
        expect((await get(server.base, '/api/v1/auth/profile', body.accessToken)).body.role).toBe('operator')
        // Who has just been made has no second factor yet, and does nothing before that.
        expect(body.secondFactorRequired).toBe(true)
      }
      return status
    } finally {
      await server.stop()
    }
  }

  test('create makes an operator with a password of its own, who can sign in', async () => {
    const { code, out } = await run(['admin', 'create', '--email', email, '--name', 'Olga'], folder.path)
    expect(code).toBe(0)
    const [, password = ''] = /^Password: (\S{16,})$/m.exec(out) ?? []
    expect(await canSignIn(password)).toBe(200)
  })

  test('an address that is taken is named, with what to do', async () => {
    const { code, err } = await run(['admin', 'create', '--email', email], folder.path)
    expect({ code, err }).toEqual({ code: 2, err: `The address ${email} is taken: use kumbu admin reset.\n` })
  })

  test('reset gives a new password, and the old one is worth nothing', async () => {
    const made = await run(['admin', 'reset', '--email', email], folder.path)
    const [, old = ''] = /^Password: (\S{16,})$/m.exec(made.out) ?? []
    const password = 'another walk to the sea'
    const { code, out } = await run(['admin', 'reset', '--email', email, '--password', password], folder.path)
    expect(code).toBe(0)
    // A password that was typed is not shown again.
    expect(out).not.toContain(password)
    expect(await canSignIn(password)).toBe(200)
    expect(await canSignIn(old)).toBe(401)
  })

  test('an address that nobody has is named', async () => {
    const { code, err } = await run(['admin', 'reset', '--email', 'nobody@example.com'], folder.path)
    expect({ code, err }).toEqual({ code: 2, err: 'Nobody has the address nobody@example.com.\n' })
  })
})
