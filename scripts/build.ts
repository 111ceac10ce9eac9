/**
 * Builds the executable: `npm run build` for this machine, `npm run build -- --all` for every platform, with checksums.
 * White space and syntax are minified but names are not, because Elysia reads its handlers’ source; `.env` and bunfig of
 * the folder it is started in are not loaded.
 */
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dir, '..')
const dist = join(root, 'dist')

const targets = {
  'kumbu-linux-x64': 'bun-linux-x64',
  'kumbu-linux-arm64': 'bun-linux-arm64',
  'kumbu-linux-x64-musl': 'bun-linux-x64-musl',
  'kumbu-linux-arm64-musl': 'bun-linux-arm64-musl',
  'kumbu-macos-x64': 'bun-darwin-x64',
  'kumbu-macos-arm64': 'bun-darwin-arm64',
  'kumbu-windows-x64.exe': 'bun-windows-x64',
} as const

const all = process.argv.includes('--all')
mkdirSync(dist, { recursive: true })

if (all) {
  for (const [name, target] of Object.entries(targets)) await compile(name, target)
  writeChecksums()
} else {
  await compile(process.platform === 'win32' ? 'kumbu.exe' : 'kumbu', undefined)
}

async function compile(name: string, target: string | undefined): Promise<void> {
  const outfile = join(dist, name)
  rmSync(outfile, { force: true })
  const command = [
    process.execPath,
    'build',
    join(root, 'src/main.ts'),
    join(root, 'src/platform/security/password-worker.ts'),
    '--compile',
    `--outfile=${outfile}`,
    ...(target === undefined ? [] : [`--target=${target}`]),
    '--minify-whitespace',
    '--minify-syntax',
    '--bytecode',
    '--format=esm',
    '--sourcemap=none',
    '--no-compile-autoload-dotenv',
    '--no-compile-autoload-bunfig',
    '--define=process.env.KUMBU_COMPILED="yes"',
  ]
  const built = Bun.spawnSync(command, { cwd: root, stdout: 'pipe', stderr: 'pipe' })
  if (built.exitCode !== 0) {
    console.error(`${name} could not be built:\n${built.stderr.toString()}${built.stdout.toString()}`)
    process.exit(1)
  }
  console.log(`dist/${name}  ${(statSync(outfile).size / 1024 ** 2).toFixed(0)} MiB`)
}

function writeChecksums(): void {
  const lines = readdirSync(dist)
    .filter((name) => name.startsWith('kumbu-'))
    .sort()
    .map((name) => `${sha256(join(dist, name))}  ${name}`)
  writeFileSync(join(dist, 'SHA256SUMS'), `${lines.join('\n')}\n`)
  console.log('dist/SHA256SUMS')
}

function sha256(path: string): string {
  const sum = Bun.spawnSync([
    process.execPath,
    '-e',
    `
    const hash = new Bun.CryptoHasher('sha256')
    for await (const chunk of Bun.file(${JSON.stringify(path)}).stream()) hash.update(chunk)
    process.stdout.write(hash.digest('hex'))`,
  ])
  return sum.stdout.toString()
}
