/** Logs: one line of JSON for each entry, no secret in any, and never more files than are kept. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLog, type LogOptions, rotatingFile } from '../../src/platform/observability/log'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kumbu-log-'))
  file = join(folder, 'logs', 'kumbu.log')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const logAt = (level: LogOptions['level']) => createLog({ level, file })
const text = () => readFileSync(file, 'utf8')
const lines = (): Array<Record<string, unknown>> =>
  text()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

describe('an entry', () => {
  test('is one line of JSON with its level, moment, fields and message', () => {
    logAt('info').warn({ work: 7, note: 'two\nlines' }, 'work failed')
    expect(lines()).toEqual([
      { level: 'warn', time: expect.any(String), work: 7, note: 'two\nlines', msg: 'work failed' },
    ])
    expect(text().match(/\n/g)).toHaveLength(1)
    expect(Date.parse(lines()[0]?.time as string)).not.toBeNaN()
  })

  test('below the level is not written', () => {
    const log = logAt('warn')
    log.debug({}, 'a')
    log.info({}, 'b')
    log.warn({}, 'c')
    log.error({}, 'd')
    expect(lines().map(({ msg }) => msg)).toEqual(['c', 'd'])
  })

  test('of a silent log is not written', () => {
    logAt('silent').error({}, 'nobody hears')
    expect(text()).toBe('')
  })

  test('of an error says its name, message and causes, without the values of a query', () => {
    const cause = Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR' })
    const error = new Error('Failed query: insert into users values (?)\nparams: amina@example.com', { cause })
    logAt('info').error({ error }, 'the database failed')
    expect(lines()[0]?.error).toMatchObject({
      name: 'Error',
      message: 'Failed query: insert into users values (?)',
      cause: { message: 'disk I/O error', reason: 'SQLITE_IOERR' },
    })
    expect(text()).not.toContain('amina@example.com')
  })
})

describe('a secret', () => {
  const NAMES = ['password', 'pin', 'code', 'token', 'accessToken', 'refreshToken', 'secret', 'authorization', 'cookie']

  test.each(NAMES)('that is named %s is not written, wherever it stands', (name) => {
    const log = logAt('info')
    const secret = { [name]: 'hunter2' }
    log.info(secret, 'top')
    log.info({ body: secret }, 'in a member')
    log.info({ request: { body: secret } }, 'two deep')
    log.info({ people: [secret] }, 'in a list')
    expect(text()).not.toContain('hunter2')
    expect(text().match(/\[redacted\]/g)).toHaveLength(4)
  })

  test('is not written however deep it stands', () => {
    logAt('info').info({ a: { b: { c: { d: { password: 'hunter2' } } } } }, 'deep')
    expect(text()).not.toContain('hunter2')
  })
})

describe('a log file', () => {
  const content = (suffix = '') => readFileSync(file + suffix, 'utf8')

  test('is made with its folder, for its owner alone, and written on after a restart', () => {
    rotatingFile(file, 1_000, 3).write('first\n')
    rotatingFile(file, 1_000, 3).write('second\n')
    expect(content()).toBe('first\nsecond\n')
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  test('is set aside when the next line would make it too long, and the oldest goes', () => {
    const log = rotatingFile(file, 10, 3)
    for (const line of ['aaaaaaaa\n', 'bbbbbbbb\n', 'cccccccc\n', 'dddddddd\n', 'eeeeeeee\n']) log.write(line)
    expect(content()).toBe('eeeeeeee\n')
    expect(content('.1')).toBe('dddddddd\n')
    expect(content('.2')).toBe('cccccccc\n')
    expect(readdirSync(join(folder, 'logs')).sort()).toEqual(['kumbu.log', 'kumbu.log.1', 'kumbu.log.2'])
  })

  test('may be full to the last byte', () => {
    const log = rotatingFile(file, 10, 3)
    log.write('12345')
    log.write('67890')
    expect(existsSync(`${file}.1`)).toBe(false)
    log.write('x')
    expect(content('.1')).toBe('1234567890')
    expect(content()).toBe('x')
  })

  test('takes a line that is longer than a file may be', () => {
    const log = rotatingFile(file, 10, 3)
    log.write('a line that is far too long\n')
    log.write('next\n')
    expect(content('.1')).toBe('a line that is far too long\n')
    expect(content()).toBe('next\n')
  })

  test('counts bytes, and what was there before a restart', () => {
    rotatingFile(file, 10, 3).write('éééé')
    rotatingFile(file, 10, 3).write('abc')
    expect(content('.1')).toBe('éééé')
    expect(content()).toBe('abc')
  })
})
