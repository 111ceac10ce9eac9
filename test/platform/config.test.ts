/** The configuration: where a value comes from, and what is refused with which words. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError, describeSettings, loadConfig, settings } from '../../src/config'

function refusal(flags: Record<string, string>, env: Record<string, string> = {}): string {
  try {
    loadConfig(flags, env, false)
    return 'it was allowed'
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as Error).message
  }
}

describe('without anything set', () => {
  test('everything has a safe default', () => {
    expect(loadConfig({}, {}, true)).toMatchObject({
      mode: 'production',
      port: 3_000,
      host: '127.0.0.1',
      data: './data',
      databaseUrl: undefined,
      instanceKey: undefined,
      currency: 'USD',
      rateLimit: 100,
      trustedProxies: [],
      corsOrigins: [],
      metricsToken: undefined,
      demo: false,
    })
  })

  test('a source checkout starts in development', () => {
    expect(loadConfig({}, {}, false).mode).toBe('development')
  })
})

describe('a value', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'kumbu-config-'))
    writeFileSync(join(folder, 'smtp'), 'smtp://from-file\n')
    writeFileSync(join(folder, 'empty'), '\n')
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('from a flag goes before the environment, which goes before the default', () => {
    expect(loadConfig({ port: '1' }, { KUMBU_PORT: '2' }, true).port).toBe(1)
    expect(loadConfig({}, { KUMBU_PORT: '2' }, true).port).toBe(2)
  })

  test('of reminders at the same time, said apart, makes one reminder', () => {
    const { reminders } = loadConfig({ reminders: '24h:email,1440m:whatsapp+email,1h:sms' }, {}, true)
    expect(reminders).toEqual([
      { name: '24h', minutesBefore: 1440, media: ['email', 'whatsapp'] },
      { name: '1h', minutesBefore: 60, media: ['sms'] },
    ])
  })

  test('that is empty in the environment is not set', () => {
    expect(loadConfig({}, { KUMBU_PORT: '', DATABASE_URL: '' }, true)).toMatchObject({
      port: 3_000,
      databaseUrl: undefined,
    })
  })

  test('that is secret can be handed over as a file, which a variable goes before', () => {
    const KUMBU_SMTP_URL_FILE = join(folder, 'smtp')
    expect(loadConfig({}, { KUMBU_SMTP_URL_FILE }, true).smtpUrl).toEqual(['smtp://from-file'])
    expect(loadConfig({}, { KUMBU_SMTP_URL_FILE, KUMBU_SMTP_URL: 'smtp://direct' }, true).smtpUrl).toEqual([
      'smtp://direct',
    ])
  })

  test('whose file cannot be read is refused, naming the file', () => {
    expect(refusal({}, { KUMBU_SMTP_URL_FILE: join(folder, 'none') })).toContain(join(folder, 'none'))
  })

  test('whose file is empty is refused rather than taken for nothing', () => {
    expect(refusal({}, { KUMBU_METRICS_TOKEN_FILE: join(folder, 'empty') })).toContain('not empty')
  })

  test('that is no secret is not looked for in a file', () => {
    expect(loadConfig({}, { KUMBU_PORT_FILE: join(folder, 'none') }, true).port).toBe(3_000)
  })
})

describe('a value that is not allowed', () => {
  test.each([
    [{ port: '65536' }, '--port: "65536" is not allowed. Allowed is a whole number from 0 to 65535.'],
    [{ port: '80.5' }, 'a whole number'],
    [{ port: '-1' }, 'a whole number'],
    [{ port: '1e3' }, 'a whole number'],
    [{ port: '' }, 'a whole number'],
    [{ mode: 'test' }, 'one of production, development, demo'],
    [{ currency: 'usd' }, 'ISO 4217'],
    [{ currency: 'QQQ' }, 'ISO 4217'],
    [{ 'public-url': 'ftp://kumbu.example' }, 'http:// or https://'],
    [{ 'public-url': 'kumbu.example' }, 'http:// or https://'],
    [{ 'cors-origins': 'https://a.example, nonsense' }, 'http:// or https://'],
    [{ 'mail-from': 'nobody' }, 'a mail address'],
    [{ 'mail-from': 'a@b.example\r\nBcc: c@d.example' }, 'a mail address'],
    [{ 'log-level': 'loud' }, 'one of debug, info'],
    [{ 'withdrawal-ttl': '0' }, 'from 1 to'],
    [{ 'withdrawal-fee-bps': '10001' }, 'from 0 to 10000'],
    [{ 'backup-keep': '0' }, 'from 1 to'],
    [{ host: ' ' }, 'not empty'],
    [{ 'time-zone': 'Mars/Olympus' }, 'the name of a time zone'],
    [{ 'time-zone': '+02:00' }, 'the name of a time zone'],
    [{ 'sms-url': 'https://sms.example' }, 'KUMBU_SMS_CALLING_CODES is needed with KUMBU_SMS_URL'],
    [{ demo: 'yes' }, 'true or false'],
    [{ demo: 'constructor' }, 'true or false'],
  ])('is refused with what is allowed: %o', (flags, words) => {
    expect(refusal(flags as Record<string, string>)).toContain(words)
  })

  test('is named by the variable it came from', () => {
    expect(refusal({}, { KUMBU_PORT: 'x' })).toContain('KUMBU_PORT: "x"')
  })

  test('and is secret is not shown', () => {
    const messages = [
      refusal({ 'smtp-url': 'http://user:hunter2@host' }),
      refusal({ 'database-url': 'mysql://user:hunter2@host/db' }),
      refusal({}, { DATABASE_URL: 'hunter2' }),
    ]
    for (const message of messages) {
      expect(message).toContain('is not allowed')
      expect(message).not.toContain('hunter2')
    }
  })
})

describe('forms', () => {
  test.each(['postgres://u:p@h/d', 'postgresql://u@h:5432/d'])('a database at %s is PostgreSQL', (url) => {
    expect(loadConfig({ 'database-url': url }, {}, true).databaseUrl).toBe(url)
  })

  test('lists are cut at commas and cleaned', () => {
    const { corsOrigins, trustedProxies } = loadConfig(
      { 'cors-origins': ' https://a.example/ , http://b.example:8080,', 'trusted-proxies': '10.0.0.1, ::1' },
      {},
      true,
    )
    expect(corsOrigins).toEqual(['https://a.example', 'http://b.example:8080'])
    expect(trustedProxies).toEqual(['10.0.0.1', '::1'])
  })

  test('switches are on or off in several words', () => {
    for (const on of ['true', 'on', '1', 'TRUE']) expect(loadConfig({ demo: on }, {}, true).demo).toBe(true)
    for (const off of ['false', 'off', '0']) expect(loadConfig({ demo: off }, {}, true).demo).toBe(false)
  })

  test('the demo has a folder of its own, unless one was named', () => {
    expect(loadConfig({ demo: 'true' }, {}, true)).toMatchObject({ mode: 'demo', demo: true, data: './data/demo' })
    expect(loadConfig({ mode: 'demo' }, {}, true)).toMatchObject({ mode: 'demo', demo: true, data: './data/demo' })
    expect(loadConfig({ demo: 'true', data: '/srv/kumbu' }, {}, true).data).toBe('/srv/kumbu')
    expect(loadConfig({ demo: 'true' }, { KUMBU_DATA: '/srv/kumbu' }, true).data).toBe('/srv/kumbu')
  })
})

describe('the description of the settings', () => {
  test('says of each its flag, its variable and what it does, and none twice', () => {
    const described = describeSettings()
    expect(described).toHaveLength(Object.keys(settings).length)
    expect(new Set(described.map(({ flag }) => flag)).size).toBe(described.length)
    expect(new Set(described.map(({ env }) => env)).size).toBe(described.length)
    for (const { flag, env, doc } of described) {
      expect(flag).toMatch(/^[a-z]+(-[a-z]+)*$/)
      expect(env).toMatch(/^(KUMBU_[A-Z_]+|DATABASE_URL)$/)
      expect(doc.length).toBeGreaterThan(10)
    }
  })
})
