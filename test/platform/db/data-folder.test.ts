/** The data folder belongs to one process at a time, and no process leaves a stale lock behind. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DataFolderError, lockDataFolder } from '../../../src/platform/db'

let root: string
let path: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kumbu-folder-'))
  path = join(root, 'data')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const MODULE = join(import.meta.dir, '../../../src/platform/db/data-folder.ts')

/** Another process that locks the folder, says so, and keeps it until it is ended. */
async function otherKumbu(): Promise<Bun.Subprocess<'ignore', 'pipe', 'inherit'>> {
  const script = `
    const { lockDataFolder } = await import(${JSON.stringify(MODULE)})
    lockDataFolder(${JSON.stringify(path)})
    console.log('locked')
    setInterval(() => {}, 1000)
  `
  const child = Bun.spawn([process.execPath, '-e', script], { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' })
  const { value } = await child.stdout.getReader().read()
  expect(new TextDecoder().decode(value)).toContain('locked')
  return child
}

async function refusal(attempt: () => unknown): Promise<string> {
  try {
    await attempt()
  } catch (error) {
    expect(error).toBeInstanceOf(DataFolderError)
    return (error as Error).message
  }
  return 'it was not refused'
}

describe('a data folder', () => {
  test('is made when it is not there, for its owner alone, and knows its places', () => {
    const folder = lockDataFolder(path)
    expect(folder).toMatchObject({ path, databaseFile: join(path, 'kumbu.db'), backups: join(path, 'backups') })
    expect(statSync(path).mode & 0o777).toBe(0o700)
    expect(readFileSync(join(path, 'kumbu.pid'), 'utf8')).toBe(String(process.pid))
    folder.unlock()
  })

  test('that is locked is refused to a second one in the same process', async () => {
    const first = lockDataFolder(path)
    expect(await refusal(() => lockDataFolder(path))).toContain(`in use by another Kumbu (process ${process.pid})`)
    first.unlock()
    lockDataFolder(path).unlock()
  })

  test('that another process has is refused, with whose it is and what to do', async () => {
    const child = await otherKumbu()
    try {
      const message = await refusal(() => lockDataFolder(path))
      expect(message).toContain(`The data folder ${path} is in use by another Kumbu (process ${child.pid})`)
      expect(message).toContain('--data')
    } finally {
      child.kill('SIGKILL')
      await child.exited
    }
  })

  test('is free again at once when the process that had it was killed', async () => {
    const child = await otherKumbu()
    child.kill('SIGKILL')
    await child.exited
    expect(existsSync(join(path, 'kumbu.pid'))).toBe(true)
    const folder = lockDataFolder(path)
    expect(readFileSync(join(path, 'kumbu.pid'), 'utf8')).toBe(String(process.pid))
    folder.unlock()
  })

  test('that is a file, or lies under one, is refused with what to do', async () => {
    writeFileSync(path, 'a file')
    for (const place of [path, join(path, 'below')]) {
      const message = await refusal(() => lockDataFolder(place))
      expect(message).toContain(`The data folder ${place} cannot be written to`)
      expect(message).toContain('--data')
    }
  })

  // A root may write anywhere that is no read-only disk; /proc is a place where even it may not.
  test.if(process.platform === 'linux')('that nobody may write to is refused with what to do', async () => {
    const message = await refusal(() => lockDataFolder('/proc/kumbu'))
    expect(message).toContain('The data folder /proc/kumbu cannot be written to')
    expect(message).toContain('write access')
  })

  test('is left without a trace of having been tried', async () => {
    const folder = lockDataFolder(path)
    folder.unlock()
    // The probe is deleted without waiting for it.
    await new Promise((resolve) => setImmediate(resolve))
    await Bun.file(join(path, 'kumbu.pid')).text()
    expect(existsSync(join(path, '.write-test'))).toBe(false)
  })
})
