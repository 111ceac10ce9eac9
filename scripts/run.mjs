// The door for a machine that has only Node and npm: installs what is missing, then hands over to the bundled Bun.
// Plain JavaScript, because it runs before anything else is there.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const stamp = join(root, 'node_modules/.kumbu-installed')

const tasks = {
  start: ['src/main.ts', 'serve'],
  test: ['scripts/test.ts'],
  check: ['scripts/check.ts'],
  build: ['scripts/build.ts'],
  bench: ['bench/run.ts'],
  migrations: ['scripts/migrations.ts'],
}

const [task, ...rest] = process.argv.slice(2)
if (!Object.hasOwn(tasks, task)) {
  console.error(`Unknown task "${task}". Tasks: ${Object.keys(tasks).join(', ')}.`)
  process.exit(2)
}

installWhatIsMissing()
run(findBun(), [...tasks[task], ...rest])

function installWhatIsMissing() {
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  console.error('Installing what Kumbu needs (once) ...')
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const installed = spawnSync(npm, ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  })
  if (installed.status !== 0) {
    console.error('npm could not install the packages; its message is above.')
    process.exit(installed.status ?? 1)
  }
  mkdirSync(join(root, 'node_modules'), { recursive: true })
  writeFileSync(stamp, wanted)
}

/** The Bun executable that npm brought for this machine; install scripts are off, so the link in `bun/bin` is not made. */
function findBun() {
  const folder = join(root, 'node_modules/@oven')
  const packages = existsSync(folder) ? readdirSync(folder).sort((a, b) => a.length - b.length) : []
  for (const name of packages) {
    for (const file of ['bun', 'bun.exe']) {
      const path = join(folder, name, 'bin', file)
      if (existsSync(path) && spawnSync(path, ['--version']).status === 0) return path
    }
  }
  console.error(`npm brought no Bun that runs on this machine (${process.platform} ${process.arch}).`)
  process.exit(1)
}

function run(bun, args) {
  const child = spawn(bun, args, { cwd: root, stdio: 'inherit', env: { ...process.env, KUMBU_BUN: bun } })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)))
}
