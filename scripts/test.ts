/**
 * Everything CI runs: the checks, the suite on SQLite, what of it is about rows on PostgreSQL too, and the tests of the compiled
 * executable. The last line is `N passed, N failed`. A part can be run alone: `npm test -- sqlite test/modules`.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPostgresServer, postgresPrograms } from '../test/support/postgres-server'

interface Count {
  passed: number
  failed: number
  skipped: number
}

interface Part {
  name: string
  run(paths: string[]): Count | Promise<Count>
}

const root = join(import.meta.dir, '..')
const reports = mkdtempSync(join(tmpdir(), 'kumbu-reports-'))
const ON_BOTH_ENGINES = ['test/platform', 'test/cli', 'test/modules', 'test/acceptance']
const ON_THE_EXECUTABLE = ['test/executable']
const ALIKE_ON_BOTH = new Set([
  'test/acceptance/asvs.test.ts',
  'test/acceptance/openapi.test.ts',
  'test/acceptance/roles.test.ts',
  'test/modules/identity/common-passwords.test.ts',
  'test/modules/identity/totp.test.ts',
  'test/modules/notifications/delivery-flood.test.ts',
  'test/modules/notifications/fcm.test.ts',
  'test/modules/notifications/smtp.test.ts',
  'test/modules/notifications/template-engine.test.ts',
  'test/modules/notifications/templates.test.ts',
  'test/modules/notifications/web-push.test.ts',
  'test/modules/notifications/webhook.test.ts',
  'test/modules/oauth/discovery.test.ts',
  'test/platform/boundaries.test.ts',
  'test/platform/password-hasher.test.ts',
  'test/platform/schedules.test.ts',
  'test/platform/traffic.test.ts',
])
const CHROMIUM = '/usr/bin/chromium'
const TEST_TIMEOUT_MS = 60_000

const parts: Part[] = [
  { name: 'check', run: async () => one(command([process.execPath, 'scripts/check.ts'])) },
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

const total: Count = { passed: 0, failed: 0, skipped: 0 }
for (const { name, run } of chosen) {
  console.log(`\n== ${name}`)
  const startedAt = performance.now()
  const count = await run(paths)
  total.passed += count.passed
  total.failed += count.failed
  total.skipped += count.skipped
  console.log(`== ${name}: ${Math.round((performance.now() - startedAt) / 1000)} s`)
}
rmSync(reports, { recursive: true, force: true })
console.log(`\n${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`)
process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0)

async function onPostgres(given: string[]): Promise<Count> {
  if (postgresPrograms() === undefined) {
    console.log('PostgreSQL is not installed (apt-get install postgresql): this part is not run.')
    return process.env.CI ? { passed: 0, failed: 1, skipped: 0 } : { passed: 0, failed: 0, skipped: 1 }
  }
  const server = await createPostgresServer()
  try {
    return suite('postgres', given.length > 0 ? given : filesOfPostgres(), { DATABASE_URL: server.url })
  } finally {
    server.remove()
  }
}

/** All but what says the same on either engine: it is about words, keys, providers or roles, not about rows. */
function filesOfPostgres(): string[] {
  const files = ON_BOTH_ENGINES.flatMap((folder) =>
    [...new Bun.Glob(`${folder}/**/*.test.ts`).scanSync({ cwd: root })].sort(),
  )
  return files.filter((file) => !ALIKE_ON_BOTH.has(file))
}

async function onExecutable(given: string[]): Promise<Count> {
  if (!command([process.execPath, 'scripts/build.ts'])) return { passed: 0, failed: 1, skipped: 0 }
  // On a developer's machine the tests that need these are skipped and say so; CI must not pass for want of them.
  if (process.env.CI && (!existsSync(CHROMIUM) || postgresPrograms() === undefined)) {
    console.log('CI needs Debian’s chromium and postgresql (see .ci/run).')
    return { passed: 0, failed: 1, skipped: 0 }
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
      `--timeout=${TEST_TIMEOUT_MS}`,
      '--reporter=junit',
      `--reporter-outfile=${report}`,
    ],
    env,
  )
  const count = countOf(report)
  // A runner that died says nothing of the tests it did not come to.
  if (!ran && count.failed === 0) count.failed = 1
  return count
}

function countOf(report: string): Count {
  try {
    const [, attributes = ''] = /<testsuites([^>]*)>/.exec(readFileSync(report, 'utf8')) ?? []
    const number = (name: string) => Number(new RegExp(` ${name}="(\\d+)"`).exec(attributes)?.[1] ?? 0)
    const [tests, failed, skipped] = [number('tests'), number('failures'), number('skipped')]
    return { passed: tests - failed - skipped, failed, skipped }
  } catch {
    return { passed: 0, failed: 1, skipped: 0 }
  }
}

function one(ok: boolean): Count {
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 }
}

function command(words: string[], env: Record<string, string> = {}): boolean {
  return (
    Bun.spawnSync(words, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...env } })
      .exitCode === 0
  )
}
