/**
 * Everything CI runs: the checks, the suite on SQLite and on PostgreSQL, and the tests of the compiled executable. What
 * failed is named again at the end; the last line is `N passed, N failed`. A part can be run alone: `npm test -- sqlite test/modules`.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPostgresServer, postgresPrograms } from '../test/support/postgres-server'

interface Count {
  passed: number
  failed: number
  skipped: number
  /** What failed, for the end of the output. */
  failures: string[]
}

interface Part {
  name: string
  run(paths: string[]): Count | Promise<Count>
}

const root = join(import.meta.dir, '..')
const reports = mkdtempSync(join(tmpdir(), 'kumbu-reports-'))
const ON_BOTH_ENGINES = ['test/platform', 'test/cli', 'test/modules', 'test/acceptance']
const ON_THE_EXECUTABLE = ['test/executable']
const NOTHING: Count = { passed: 0, failed: 0, skipped: 0, failures: [] }
const ENTITIES = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }
const CHROMIUM = '/usr/bin/chromium'
const TEST_TIMEOUT_MS = 60_000
/** Also on one core: tests wait for timers and disks about as long as they compute. */
const AT_ONCE = Math.max(2, availableParallelism())

const parts: Part[] = [
  { name: 'check', run: () => one(command([process.execPath, 'scripts/check.ts']), 'npm run check') },
  { name: 'sqlite', run: (paths) => suite('sqlite', paths.length > 0 ? paths : ON_BOTH_ENGINES, { DATABASE_URL: '' }) },
  { name: 'postgres', run: onPostgres },
  { name: 'executable', run: onExecutable },
]

const [wanted, ...paths] = process.argv.slice(2)
const chosen = wanted === undefined ? parts : parts.filter(({ name }) => name === wanted)
if (chosen.length === 0) {
  console.error(`There is no part "${wanted}". Parts: ${parts.map(({ name }) => name).join(', ')}.`)
  process.exit(2)
}

const total = { passed: 0, failed: 0, skipped: 0 }
const failures: string[] = []
for (const { name, run } of chosen) {
  console.log(`\n== ${name}`)
  const startedAt = performance.now()
  const count = await run(paths)
  total.passed += count.passed
  total.failed += count.failed
  total.skipped += count.skipped
  failures.push(...count.failures.map((failure) => `${name}: ${failure}`))
  console.log(`== ${name}: ${Math.round((performance.now() - startedAt) / 1000)} s`)
}
rmSync(reports, { recursive: true, force: true })
if (failures.length > 0) console.log(`\nFailed:\n${failures.map((failure) => `  ${failure}`).join('\n')}`)
console.log(`\n${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`)
process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0)

async function onPostgres(given: string[]): Promise<Count> {
  if (postgresPrograms() === undefined) {
    console.log('PostgreSQL is not installed (apt-get install postgresql): this part is not run.')
    return process.env.CI ? one(false, 'PostgreSQL') : { ...NOTHING, skipped: 1 }
  }
  const server = await createPostgresServer()
  try {
    return suite('postgres', given.length > 0 ? given : ON_BOTH_ENGINES, { DATABASE_URL: server.url })
  } finally {
    server.remove()
  }
}

async function onExecutable(given: string[]): Promise<Count> {
  if (!command([process.execPath, 'scripts/build.ts'])) return one(false, 'npm run build')
  // On a developer's machine the tests that need these are skipped and say so; CI must not pass for want of them.
  if (process.env.CI && (!existsSync(CHROMIUM) || postgresPrograms() === undefined)) {
    return one(false, 'CI needs Debian’s chromium and postgresql (see .ci/run)')
  }
  return suite('executable', given.length > 0 ? given : ON_THE_EXECUTABLE, { DATABASE_URL: '' })
}

function suite(name: string, files: string[], env: Record<string, string>): Count {
  const report = join(reports, `${name}.xml`)
  const ran = command(
    [
      process.execPath,
      'test',
      ...files.map((file) => `./${file}`),
      `--parallel=${AT_ONCE}`,
      // A process keeps the emptied database that it copies for each test.
      '--no-isolate',
      '--only-failures',
      `--timeout=${TEST_TIMEOUT_MS}`,
      '--reporter=junit',
      `--reporter-outfile=${report}`,
    ],
    env,
  )
  const count = countOf(report)
  // A runner that died says nothing of the tests it did not come to.
  if (!ran && count.failed === 0) return { ...count, failed: 1, failures: ['the run itself'] }
  return count
}

function countOf(file: string): Count {
  const report = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const [, attributes] = /<testsuites([^>]*)>/.exec(report) ?? []
  if (attributes === undefined) return one(false, 'the run itself, which left no report')
  const number = (name: string) => Number(attributeOf(attributes, name) ?? 0)
  const [tests, failed, skipped] = [number('tests'), number('failures'), number('skipped')]
  const failures = [...report.matchAll(/<testcase([^>]*[^/])>\s*<failure/g)].map(([, test = '']) => {
    const groups = attributeOf(test, 'classname')?.split(' > ').reverse() ?? []
    return `${attributeOf(test, 'file')}: ${[...groups, attributeOf(test, 'name')].join(' > ')}`
  })
  return { passed: tests - failed - skipped, failed, skipped, failures }
}

function attributeOf(attributes: string, name: string): string | undefined {
  return new RegExp(` ${name}="([^"]*)"`)
    .exec(attributes)?.[1]
    ?.replace(/&(lt|gt|quot|apos|amp);/g, (_, entity: keyof typeof ENTITIES) => ENTITIES[entity])
}

function one(ok: boolean, what: string): Count {
  return ok ? { ...NOTHING, passed: 1 } : { ...NOTHING, failed: 1, failures: [what] }
}

function command(words: string[], env: Record<string, string> = {}): boolean {
  return (
    Bun.spawnSync(words, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...env } })
      .exitCode === 0
  )
}
