/** What a reviewer would check: types, lint and format, unused code, module boundaries, the OpenAPI snapshot. */
import { join } from 'node:path'
import { boundaryFaults } from './boundaries'
import { snapshotFault } from './openapi-snapshot'

const root = join(import.meta.dir, '..')
const bin = (name: string) => join(root, 'node_modules/.bin', name)

/** The tools are started with this very Bun, because the machine may have no other JavaScript but Node 20. */
function tool(name: string, ...args: string[]): boolean {
  const done = Bun.spawnSync([bin(name), ...args], { cwd: root, stdout: 'pipe', stderr: 'pipe' })
  if (done.exitCode !== 0) console.log(done.stdout.toString() + done.stderr.toString())
  return done.exitCode === 0
}

const checks: Array<[name: string, run: () => boolean | Promise<boolean>]> = [
  ['types', () => tool('tsc', '-p', '.')],
  ['lint and format', () => tool('biome', 'check', '--error-on-warnings', '.')],
  ['unused code', () => tool('knip')],
  ['boundaries', () => told(boundaryFaults(root))],
  ['OpenAPI snapshot', async () => told(await snapshotFault(root, process.argv.includes('--update')))],
]

function told(faults: string[]): boolean {
  for (const fault of faults) console.log(fault)
  return faults.length === 0
}

let failed = false
for (const [name, run] of checks) {
  const passed = await run()
  console.log(`${passed ? 'ok  ' : 'FAIL'} ${name}`)
  if (!passed) failed = true
}
process.exit(failed ? 1 : 0)
