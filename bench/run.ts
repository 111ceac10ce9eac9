/** `npm run bench` takes every measurement; `npm run bench -- transfers` takes one. Each prints one JSON line. */
import { existsSync } from 'node:fs'
import { authentication } from './authentication'
import { growth } from './growth'
import { logins } from './logins'
import { memory } from './memory'
import { messages } from './messages'
import { notices } from './notices'
import { postgres } from './postgres'
import { reminders } from './reminders'
import { start } from './start'
import { EXECUTABLE } from './support/server'
import { transfers } from './transfers'

const measurements: Record<string, () => Promise<void>> = {
  start,
  authentication,
  transfers,
  messages,
  notices,
  logins,
  postgres,
  growth,
  reminders,
  memory,
}

const wanted = process.argv.slice(2)
const unknown = wanted.find((name) => !Object.hasOwn(measurements, name))
if (unknown !== undefined) {
  console.error(`There is no measurement "${unknown}". There are: ${Object.keys(measurements).join(', ')}.`)
  process.exit(2)
}
const built = Bun.spawnSync([process.execPath, 'scripts/build.ts'], { stdio: ['ignore', 'ignore', 'inherit'] })
if (built.exitCode !== 0 || !existsSync(EXECUTABLE)) process.exit(1)
for (const [name, measure] of Object.entries(measurements)) {
  if (wanted.length === 0 || wanted.includes(name)) await measure()
}
process.exit(0)
